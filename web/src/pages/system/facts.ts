// What the service says about itself, in words.
import type { Fact } from '@/components/Facts.vue'
import type { Health } from '@/api/types'
import { counted } from '@/lib/format'
import type { Figures } from '@/lib/prometheus'
import { duration } from '@/lib/time'
import { closeReason, spelled } from '@/lib/words'

const OLD_PRICES_SECONDS = 15
const OLD_SOL_SECONDS = 30
const OLD_LEASE_SECONDS = 10
const LAG_SECONDS = 5

const SOURCES: Record<string, string> = { dexscreener: 'DexScreener', jupiter: 'Jupiter', pyth: 'Pyth' }
/** What runs all the time, by its name in the figures. */
const LOOPS: Record<string, string> = {
  prices: 'Looking at prices',
  'price-sources': 'Watching over the sources of prices',
  'price-history': 'Writing down prices for charts',
  'price-history.hear': 'Receiving prices for charts',
  'price-history.lines': 'Writing down stops and levels for charts',
  'sol-price': 'Price of SOL',
  engine: 'Deciding which process trades',
  protections: 'Looking at limits for losses',
  panic: 'Selling everything in an emergency',
  recovery: 'Looking for trades without a known outcome',
  'undecided-signals': 'Signals that wait for a decision',
  'dead-tokens': 'Looking for dead tokens',
  reconciliation: 'Comparing live wallets with the chain',
  'wallet-keys': 'Locking wallets in time',
  'wallet-index': 'List of wallets',
  'rate-limits': 'Counting requests',
  revoked: 'Sessions that were ended',
  requests: 'Repeated requests',
  audit: 'Writing down who did what',
  mirror: 'Copies for quick reading',
  bridge: 'Talking to other processes',
  notifier: 'Sending notifications',
  gauges: 'Measuring',
  punctuality: 'Watching for delays',
  worker: 'Process for work that may wait',
}
const LATE: Record<string, string> = {
  'event_loop.late': 'The process was held up',
  'prices.tick_late': 'A look at prices came late',
  'prices.tick_overdue': 'A look at prices took too long',
}

/** Why the server has ended a connection or refused a request. Ends of those that only waited are in the order of things. */
const REFUSED: Record<string, string | null> = {
  idle_seconds: null,
  send_seconds: 'A client did not take its answer in time',
  bad_request: 'What a client sent was no request',
  headers_too_large: 'A request was too large in its headers',
  url_too_long: 'The address of a request was too long',
  payload_too_large: 'The body of a request was too large',
  request_timeout: 'A client took too long to send its request',
  too_many_requests: 'A client asked for too much at once',
  too_many_connections: 'Too many connections',
  connections_per_address: 'Too many connections from one address',
  connections: 'Too many connections in all',
  room_made: 'A waiting connection had to make room',
  websocket_too_much_data: 'A live connection sent too much',
  websocket_too_many_fragments: 'A live connection sent too many pieces',
  websocket_too_many_frames: 'A live connection sent too many messages',
}

/** A short length of time: 0.4 s, 12 s, 3m 05s; a dash for none. */
export function span(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return '–'
  return seconds < 10 ? `${Math.max(0, seconds).toFixed(1)} s` : duration(seconds * 1000)
}

/** What the service stands on. */
export function partsOf({ services }: Health): Fact[] {
  const part = (label: string, hint: string, one: Health['services']['database']): Fact => ({
    label,
    hint,
    value: one.status === 'healthy' ? `Answers in ${one.latency ?? 0} ms` : 'Does not answer',
    tone: one.status === 'healthy' ? 'good' : 'bad',
  })
  return [
    part('Database', 'Keeps everything for good', services.database),
    part('Redis', 'Sessions, limits and copies for quick reading; trading goes on without it', services.redis),
    part('Job queue', 'Work that may wait, such as snapshots of balances', services.queue),
  ]
}

/** Who trades. */
export function engineOf({ engine }: Health): Fact[] {
  if (!engine) return []
  const roles = { engine: 'This process', replica: 'Another process', starting: 'Nobody yet: it starts', unknown: 'Not known: the database cannot be asked' }
  const age = engine.ageSeconds === null || engine.ageSeconds === undefined ? null : Number(engine.ageSeconds)
  return [
    { label: 'Who trades', value: roles[engine.role], tone: engine.role === 'engine' ? 'good' : 'warn', hint: 'Only one process trades at a time; the others show and take over when it dies' },
    { label: 'Its name', value: engine.holder ?? '–', hint: 'Machine and number of the process' },
    { label: 'Last sign of life', value: age === null ? '–' : `${span(age)} ago`, tone: age === null ? undefined : age > OLD_LEASE_SECONDS ? 'warn' : 'good' },
    { label: 'Changes of who trades', value: String(Math.max(0, (engine.epoch ?? 1) - 1)), hint: 'Restarts are counted too' },
    { label: 'Trades without a known outcome', value: String(engine.unresolved ?? 0), tone: engine.unresolved ? 'warn' : 'good', hint: 'Sent before a restart; they are looked up on the chain' },
  ]
}

/** How fresh prices are. */
export function feedsOf(figures: Figures): Fact[] {
  const polls = figures.sum('price_poll_age_seconds')
  const sol = figures.sum('sol_price_age_seconds')
  const facts: Fact[] = [
    { label: 'Prices of tokens', value: polls === null ? '–' : `${span(polls)} old`, tone: toneOfAge(polls, OLD_PRICES_SECONDS), hint: 'Since the last good look at them' },
    { label: 'Price of SOL', value: sol === null ? '–' : `${span(sol)} old`, tone: toneOfAge(sol, OLD_SOL_SECONDS) },
  ]
  const sources = new Set(figures.all('price_update_total').map(({ labels }) => labels['source'] ?? ''))
  for (const source of [...sources].sort()) {
    const asked = figures.sum('price_update_total', (labels) => labels['source'] === source) ?? 0
    const failed = figures.sum('price_update_total', (labels) => labels['source'] === source && labels['status'] === 'failed') ?? 0
    facts.push({ label: SOURCES[source] ?? source, value: `${failed.toLocaleString('en')} of ${counted(asked, 'look')} failed`, tone: failed > asked / 10 ? 'warn' : 'good', hint: 'Source of prices, since the service has started' })
  }
  return facts
}

/** What waits or is late. */
export function workOf(figures: Figures): Fact[] {
  const some = (name: string): number => figures.sum(name) ?? 0
  const lag = some('projection_lag_seconds')
  const waiting = some('queue_depth')
  return [
    { label: 'Open positions', value: some('positions_open').toLocaleString('en') },
    { label: 'Sales under way', value: String(some('exits_pending')), hint: 'Decided, not yet done' },
    { label: 'Positions that cannot be sold', value: String(some('positions_stranded')), tone: some('positions_stranded') ? 'bad' : 'good', hint: 'Their wallet is locked or its key is not loaded' },
    { label: 'Lists are behind by', value: span(lag), tone: lag > LAG_SECONDS ? 'warn' : 'good', hint: `Trades are booked at once; ${counted(some('projection_lag_entries'), 'booking')} not in lists and figures yet` },
    { label: 'Jobs that wait', value: waiting.toLocaleString('en'), tone: waiting > 100 ? 'warn' : 'good' },
    { label: 'Open dashboards and followers', value: String(some('websocket_clients')), hint: 'Connections that are told of changes live' },
  ]
}

/** Live wallets held against the chain. */
export function reconciliationOf({ reconciliation }: Health): Fact[] {
  if (!reconciliation) return []
  return [
    { label: 'Live wallets', value: String(reconciliation.wallets) },
    { label: 'Longest not looked at', value: span(reconciliation.ageSeconds) },
    { label: 'Differences', value: String(reconciliation.differences), tone: reconciliation.differences ? 'warn' : 'good', hint: 'Between our books and the chain' },
    { label: 'Tokens nobody accounts for', value: String(reconciliation.orphans), tone: reconciliation.orphans ? 'warn' : 'good', hint: 'No position holds them; see Wallets' },
  ]
}

/** Failures since the start, most of them first. */
export function failuresOf(figures: Figures): Fact[] {
  const facts: { label: string; count: number; hint: string }[] = []
  const collect = (name: string, hint: string, label: (labels: Readonly<Record<string, string>>) => string | null): void => {
    for (const { labels, value } of figures.all(name)) {
      const text = label(labels)
      if (value > 0 && text !== null) facts.push({ label: text, count: value, hint })
    }
  }
  collect('errors_total', 'Failure', ({ type, code }) => [type, code].filter((one) => one !== undefined && one !== '').map((one) => spelled(one ?? '')).join(': '))
  collect('loop_failures_total', 'A step of something that runs all the time; it goes on with the next', ({ loop }) => LOOPS[loop ?? ''] ?? spelled(loop ?? ''))
  collect('late_total', 'It ran later than it should: the machine is busy', ({ what }) => LATE[what ?? ''] ?? spelled(what ?? ''))
  collect('exit_attempt_failed_total', 'A sale that was tried again', ({ reason }) => closeReason(reason ?? null))
  collect('exit_overdue_total', 'Sales that took longer than they may', () => 'Late sales')
  collect('connections_refused_total', 'Connections and requests refused for a limit', ({ reason = '' }) => (reason in REFUSED ? (REFUSED[reason] ?? null) : spelled(reason)))
  return facts
    .sort((a, b) => b.count - a.count)
    .map(({ label, count, hint }) => ({ label, hint, value: `${count.toLocaleString('en')}×` }))
}

function toneOfAge(seconds: number | null, old: number): Fact['tone'] {
  return seconds === null || !Number.isFinite(seconds) ? undefined : seconds > old ? 'bad' : 'good'
}
