// What the service says about itself, in words.
import type { Fact } from '@/components/Facts.vue'
import type { Health } from '@/api/types'
import { counted } from '@/lib/format'
import type { Figures } from '@/lib/prometheus'
import { duration } from '@/lib/time'

const OLD_PRICES_SECONDS = 15
const OLD_SOL_SECONDS = 30
const OLD_LEASE_SECONDS = 10
const LAG_SECONDS = 5

const SOURCES: Record<string, string> = { dexscreener: 'DexScreener', jupiter: 'Jupiter', pyth: 'Pyth' }
const LATE: Record<string, string> = {
  'event_loop.late': 'The process was held up',
  'prices.tick_late': 'A look at prices came late',
  'prices.tick_overdue': 'A look at prices took too long',
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
  const roles = { engine: 'This process', replica: 'Another process', starting: 'Nobody yet: it starts' }
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
  const collect = (name: string, hint: string, label: (labels: Readonly<Record<string, string>>) => string): void => {
    for (const { labels, value } of figures.all(name)) if (value > 0) facts.push({ label: label(labels), count: value, hint })
  }
  collect('errors_total', 'Failure', ({ type, code }) => [type, code].filter(Boolean).join(' · '))
  collect('loop_failures_total', 'A step of something that runs all the time; it goes on with the next', ({ loop }) => loop ?? '')
  collect('late_total', 'It ran later than it should: the machine is busy', ({ what }) => LATE[what ?? ''] ?? what ?? '')
  collect('exit_attempt_failed_total', 'A sale that was tried again', ({ reason }) => reason ?? '')
  collect('exit_overdue_total', 'Sales that took longer than they may', () => 'Late sales')
  collect('connections_refused_total', 'Connections and requests refused for a limit', ({ reason }) => reason ?? '')
  return facts
    .sort((a, b) => b.count - a.count)
    .map(({ label, count, hint }) => ({ label, hint, value: `${count.toLocaleString('en')}×` }))
}

function toneOfAge(seconds: number | null, old: number): Fact['tone'] {
  return seconds === null || !Number.isFinite(seconds) ? undefined : seconds > old ? 'bad' : 'good'
}
