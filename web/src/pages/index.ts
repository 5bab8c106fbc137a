// The pages: what shows each route, and which of them stand in the navigation. Each is loaded when it is first opened.
import { defineAsyncComponent, type Component } from 'vue'

import type { IconName } from '@/components/Icon.vue'
import type { PageName } from '@/router'

const load = (page: () => Promise<{ default: Component }>): Component =>
  defineAsyncComponent({ loader: page, delay: 150, suspensible: false })

export const PAGES: Partial<Record<PageName, Component>> = {
  overview: load(() => import('@/pages/overview/OverviewPage.vue')),
  agents: load(() => import('@/pages/agents/AgentsPage.vue')),
  agent: load(() => import('@/pages/agent/AgentPage.vue')),
  signals: load(() => import('@/pages/signals/SignalsPage.vue')),
  signal: load(() => import('@/pages/signals/SignalPage.vue')),
  webhooks: load(() => import('@/pages/signals/WebhooksPage.vue')),
  tokens: load(() => import('@/pages/tokens/TokensPage.vue')),
  token: load(() => import('@/pages/tokens/TokenPage.vue')),
  history: load(() => import('@/pages/history/HistoryPage.vue')),
  access: load(() => import('@/pages/access/AccessPage.vue')),
  system: load(() => import('@/pages/system/SystemPage.vue')),
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
