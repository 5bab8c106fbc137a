// The pages: what shows each route, and which of them stand in the navigation. Each is loaded when it is first opened.
import type { Component } from 'vue'

import type { IconName } from '@/components/Icon.vue'
import { later } from '@/lib/later'
import type { PageName } from '@/router'

export const PAGES: Partial<Record<PageName, Component>> = {
  overview: later(() => import('@/pages/overview/OverviewPage.vue')),
  agents: later(() => import('@/pages/agents/AgentsPage.vue')),
  agent: later(() => import('@/pages/agent/AgentPage.vue')),
  signals: later(() => import('@/pages/signals/SignalsPage.vue')),
  signal: later(() => import('@/pages/signals/SignalPage.vue')),
  webhooks: later(() => import('@/pages/signals/WebhooksPage.vue')),
  tokens: later(() => import('@/pages/tokens/TokensPage.vue')),
  token: later(() => import('@/pages/tokens/TokenPage.vue')),
  history: later(() => import('@/pages/history/HistoryPage.vue')),
  access: later(() => import('@/pages/access/AccessPage.vue')),
  system: later(() => import('@/pages/system/SystemPage.vue')),
}

interface NavigationItem {
  path: string
  label: string
  icon: IconName
  /** Routes during which it is the current one. */
  names: readonly PageName[]
}

export const NAVIGATION: readonly NavigationItem[] = [
  { path: '/', label: 'Overview', icon: 'overview', names: ['overview'] },
  { path: '/agents', label: 'Agents', icon: 'agents', names: ['agents', 'agent'] },
  { path: '/tokens', label: 'Tokens', icon: 'tokens', names: ['tokens', 'token'] },
  { path: '/signals', label: 'Signals', icon: 'signals', names: ['signals', 'signal', 'webhooks'] },
  { path: '/history', label: 'History', icon: 'history', names: ['history'] },
  { path: '/access', label: 'Wallets', icon: 'access', names: ['access'] },
  { path: '/system', label: 'System', icon: 'system', names: ['system'] },
]
