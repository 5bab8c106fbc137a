// What needs a person's attention: what the service has noticed, in words for traders, and what it stands on.
import type { Attention, Health, KillSwitches } from '@/api/types'
import { counted, shortAddress, symbolText } from '@/lib/format'

export interface Notice {
  key: string
  severity: 'problem' | 'warning'
  title: string
  text: string
  /** Where something can be done about it. */
  href?: string
}

interface Sources {
  health: Health | null
  served: readonly Attention[]
  killSwitches: KillSwitches | null
  /** How many positions are open. */
  open?: number
  /** What an agent is called here. */
  nameOf?: (agentId: string) => string
}

export function noticesOf({ health, served, killSwitches, open = 0, nameOf = () => '' }: Sources): Notice[] {
  const notices: Notice[] = []
  if (health !== null) {
    for (const [name, service] of Object.entries(health.services))
      if (service.status !== 'healthy')
        notices.push({ key: `service-${name}`, severity: 'problem', title: `${SERVICES[name] ?? name} does not answer`, text: SERVICE_EFFECT[name] ?? '' })
    const waiting = health.engine?.unresolved
    if (waiting)
      notices.push({
        key: 'unresolved',
        severity: 'problem',
        title: `${counted(waiting, 'trade')} without a known outcome`,
        text: 'They were sent before a restart. The service looks them up on the chain; funds stay reserved until then.',
      })
  }
  // The switches are known at once from the button at the top.
  for (const one of served) if (one.kind !== 'kill_switch') notices.push(inWords(one, nameOf))
  if (killSwitches?.system.engaged)
    notices.push({ key: 'system-kill', severity: 'problem', title: 'Buying is stopped for the whole system', text: killSwitches.system.reason ?? 'By the administrator.' })
  if (killSwitches?.user.engaged)
    notices.push({
      key: 'kill',
      severity: 'warning',
      title: killSwitches.user.flatten ? 'Everything is being sold, and buying is stopped' : 'Buying is stopped',
      text: `${killSwitches.user.flatten ? (open ? `${counted(open, 'position')} left to sell. ` : 'Nothing is left to sell. ') : ''}Allow it again with the button at the top when you are ready.`,
    })
  return notices
}

/** A notice of the service. Those of a kind that is not known here are shown in its own words. */
function inWords(one: Attention, nameOf: (agentId: string) => string): Notice {
  const agent = (one.agentId ? nameOf(one.agentId) : '') || one.agentName || 'An agent'
  const symbol = one.tokenAddress ? symbolText(one.tokenSymbol, one.tokenAddress) : (one.tokenSymbol ?? 'a token')
  const wallet = one.walletAddress ? shortAddress(one.walletAddress) : ''
  const sentence = one.text.charAt(0).toUpperCase() + one.text.slice(1)
  const of = (part: string): string | undefined => (one.agentId ? `#/agents/${one.agentId}${part}` : undefined)
  const told: Record<string, [title: string, text: string, href?: string | undefined]> = {
    exit_delayed: [`${symbol} could not be sold yet`, `${agent}: ${one.text}.`, of('')],
    price_stale: [`No usable price of ${symbol}`, `${agent}: ${one.text}.`, one.tokenAddress ? `#/tokens/${one.tokenAddress}` : undefined],
    wallet_locked: [`Live wallet ${wallet} is locked`, `${agent} can neither buy nor sell until it is unlocked.`, '#/access/wallets'],
    orphan_token: [`Wallet ${wallet} holds tokens without a position`, `Nexgent did not buy them for ${agent}, or does not know that it did: no stop loss watches them. Make them positions, or ignore them.`, '#/access/wallets'],
    wallet_unreconciled: [`Wallet ${wallet} differs from the chain`, `${sentence}.`, '#/access/wallets'],
    protection: [`${agent} has stopped buying`, sentence, of('/protections')],
    engine_elsewhere: ['Trading runs in another process', `${sentence}.`, '#/system'],
    engine_not_ready: ['Nothing is traded at present', `${sentence}.`, '#/system'],
    engine_late: ['The service is held up', `${sentence}.`, '#/system'],
    notifications: ['Notifications do not come through', `${sentence}.`, '#/access/notifications'],
    sol_price_stale: ['The price of SOL is old', 'Amounts in USD are only approximate.'],
  }
  const [title, text, href] = told[one.kind] ?? ['The service reports', sentence]
  return {
    key: [one.kind, one.agentId, one.walletAddress, one.positionId].filter(Boolean).join('-'),
    severity: one.severity === 'danger' ? 'problem' : 'warning',
    title,
    text,
    ...(href ? { href } : {}),
  }
}

const SERVICES: Record<string, string> = { database: 'The database', redis: 'Redis', queue: 'The background worker' }
const SERVICE_EFFECT: Record<string, string> = {
  database: 'Nothing new is bought until it is back; sales are kept and tried again.',
  redis: 'Live updates and logging in may fail; trades are not affected.',
  queue: 'History and figures lag behind; trades are not affected.',
}
