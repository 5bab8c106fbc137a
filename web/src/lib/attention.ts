// What needs a person's attention, put together from what the service says about itself.
import type { Agent, Health, KillSwitches, Protections, Wallet } from '@/api/types'
import { counted, shortAddress } from '@/lib/format'

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
  wallets: readonly Wallet[]
  agents: readonly Agent[]
  protections: readonly Protections[]
  killSwitches: KillSwitches | null
  solPriceIsStale: boolean
}

export function noticesOf({ health, wallets, agents, protections, killSwitches, solPriceIsStale }: Sources): Notice[] {
  const notices: Notice[] = []
  const add = (key: string, severity: Notice['severity'], title: string, text: string, href?: string): void => {
    notices.push({ key, severity, title, text, ...(href ? { href } : {}) })
  }
  const names = new Map(agents.map((agent) => [agent.id, agent.name]))

  if (health !== null) {
    for (const [name, service] of Object.entries(health.services))
      if (service.status !== 'healthy')
        add(`service-${name}`, 'problem', `${SERVICES[name] ?? name} does not answer`, SERVICE_EFFECT[name] ?? '')
    const engine = health.engine
    if (engine?.role === 'replica')
      add('engine', 'warning', 'Trading runs in another process', `This one only shows it; ${engine.holder ?? 'the other'} trades.`)
    if (engine?.role === 'starting') add('engine', 'warning', 'The service is starting', 'It trades as soon as it is ready.')
    if (engine?.unresolved)
      add(
        'unresolved',
        'problem',
        `${counted(engine.unresolved, 'trade')} without a known outcome`,
        'They were sent before a restart. The service looks them up on the chain; funds stay reserved until then.',
      )
    if (health.message) add('health', 'problem', 'The service reports', health.message)
    if (health.reconciliation?.orphans)
      add(
        'orphans',
        'warning',
        `${counted(health.reconciliation.orphans, 'token')} in live wallets that no position accounts for`,
        'Nexgent did not buy them, or does not know that it did. They are yours to adopt or to ignore.',
      )
    if (health.reconciliation?.differences)
      add(
        'differences',
        'warning',
        `${counted(health.reconciliation.differences, 'difference')} between the books and the chain`,
        'The service books what is certain by itself; what stays here wants a look.',
      )
  }
  if (solPriceIsStale) add('sol', 'warning', 'The price of SOL is old', 'Amounts in USD are only approximate.')
  for (const wallet of wallets)
    if (wallet.walletType === 'live' && wallet.agentId !== null && !wallet.isAvailable)
      add(
        `wallet-${wallet.walletAddress}`,
        'problem',
        `Live wallet ${shortAddress(wallet.walletAddress)} is ${wallet.isUnlocked ? 'not available' : 'locked'}`,
        `${names.get(wallet.agentId) ?? 'Its agent'} can neither buy nor sell until it is unlocked.`,
      )
  for (const one of protections)
    for (const wallet of one.wallets)
      // What the emergency stop holds back is said once, below.
      if (wallet.blocked && !(wallet.code === 'KILL_SWITCH' && (killSwitches?.user.engaged || killSwitches?.system.engaged)))
        add(
          `protection-${wallet.walletAddress}`,
          'warning',
          `${names.get(one.agentId) ?? 'An agent'} has stopped buying (${wallet.walletType})`,
          wallet.reason ?? 'One of its protections has been reached.',
          `#/agents/${one.agentId}/protections`,
        )
  if (killSwitches?.system.engaged)
    add('system-kill', 'problem', 'Buying is stopped for the whole system', killSwitches.system.reason ?? 'By the administrator.')
  if (killSwitches?.user.engaged)
    add(
      'kill',
      'warning',
      killSwitches.user.flatten ? 'Everything is being sold, and buying is stopped' : 'Buying is stopped',
      'Allow it again with the button at the top when you are ready.',
    )
  return notices
}

const SERVICES: Record<string, string> = { database: 'The database', redis: 'Redis', queue: 'The background worker' }
const SERVICE_EFFECT: Record<string, string> = {
  database: 'Nothing new is bought until it is back; sales are kept and tried again.',
  redis: 'Live updates and logging in may fail; trades are not affected.',
  queue: 'History and figures lag behind; trades are not affected.',
}
