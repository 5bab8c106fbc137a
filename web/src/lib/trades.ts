// Closed trades, and figures of them.
import { callPage } from '@/api/client'
import type { ClosedTrade } from '@/api/types'
import { Dec, sum } from '@/lib/decimal'
import { symbolText } from '@/lib/format'

const PAGE = 1000
/** Enough for years; an agent with more shows its newest. */
const MOST = 50_000

/** Load an agent's closed trades, newest first; all pages of them. */
export async function loadClosedTrades(
  agentId: string,
  from: Date | null,
  signal?: AbortSignal,
  /** Hears how many each page has brought. */
  more?: (count: number) => void,
): Promise<ClosedTrade[]> {
  const trades: ClosedTrade[] = []
  let cursor: string | null = null
  do {
    const query: { agentId: string; limit: number; from?: string; cursor?: string } = { agentId, limit: PAGE }
    if (from !== null) query.from = from.toISOString()
    if (cursor !== null) query.cursor = cursor
    const page: { rows: ClosedTrade[]; next: string | null } = await callPage('/api/v1/agent-historical-swaps', {
      query,
      ...(signal ? { signal } : {}),
    })
    trades.push(...page.rows.map((one) => ({ ...one, tokenSymbol: symbolText(one.tokenSymbol, one.tokenAddress) })))
    more?.(page.rows.length)
    cursor = page.next
  } while (cursor !== null && trades.length < MOST)
  return trades
}

/** How many agents' trades are asked for at the same time: a browser has six connections to a host, and others need some. */
const AT_ONCE = 4

/** Return how to load the closed trades of many agents: of each one only when it has traded since the last time. `told` hears how many are here. */
export function tradesOfAll(told?: (count: number) => void): (agentIds: readonly string[], changes: ReadonlyMap<string, number>, signal: AbortSignal) => Promise<ClosedTrade[]> {
  const kept = new Map<string, { changes: number | undefined; trades: ClosedTrade[] }>()
  return async (agentIds, changes, signal) => {
    let read = 0
    const pending = agentIds.filter((id) => !kept.has(id) || kept.get(id)?.changes !== changes.get(id))
    async function loadNext(): Promise<void> {
      for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
        const before = changes.get(id)
        kept.set(id, { changes: before, trades: await loadClosedTrades(id, null, signal, (count) => told?.((read += count))) })
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, loadNext))
    return agentIds.flatMap((id) => kept.get(id)?.trades ?? [])
  }
}

/** Paper wallets have made-up addresses; all others are on the chain. */
export const isLiveWallet = (address: string | null): boolean => address !== null && !address.startsWith('sim_')

export interface Group {
  name: string
  count: number
  wins: number
  profitSol: Dec
}

/** Put trades together by a name; the largest groups first. */
export function grouped(trades: readonly ClosedTrade[], name: (trade: ClosedTrade) => string): Group[] {
  const groups = new Map<string, Group>()
  for (const trade of trades) {
    const key = name(trade)
    const group = groups.get(key) ?? { name: key, count: 0, wins: 0, profitSol: Dec.ZERO }
    const profit = Dec.of(trade.profitLossSol)
    group.count++
    if (profit.sign > 0) group.wins++
    group.profitSol = group.profitSol.plus(profit)
    groups.set(key, group)
  }
  return [...groups.values()].sort((a, b) => b.count - a.count)
}

export interface Figures {
  count: number
  wins: number
  /** In percent; null without trades. */
  winRate: Dec | null
  profitSol: Dec
  profitUsd: Dec
  best: ClosedTrade | null
  worst: ClosedTrade | null
  /** Sum of gains over sum of losses; null without losses. */
  profitFactor: Dec | null
  averagePercent: Dec | null
  averageHoldMs: number | null
}

export function figuresOf(trades: readonly ClosedTrade[]): Figures {
  let wins = 0
  let gains = Dec.ZERO
  let losses = Dec.ZERO
  let best: ClosedTrade | null = null
  let worst: ClosedTrade | null = null
  let held = 0
  for (const trade of trades) {
    const profit = Dec.of(trade.profitLossSol)
    if (profit.sign > 0) {
      wins++
      gains = gains.plus(profit)
    } else losses = losses.minus(profit)
    if (best === null || profit.compare(best.profitLossSol) > 0) best = trade
    if (worst === null || profit.compare(worst.profitLossSol) < 0) worst = trade
    held += Date.parse(trade.saleTime) - Date.parse(trade.purchaseTime)
  }
  const count = trades.length
  return {
    count,
    wins,
    winRate: Dec.of(wins * 100).over(count, 1),
    profitSol: gains.minus(losses),
    profitUsd: sum(trades.map((trade) => trade.profitLossUsd)),
    best,
    worst,
    profitFactor: gains.over(losses, 2),
    averagePercent: sum(trades.map((trade) => trade.changePercent)).over(count, 2),
    averageHoldMs: count ? held / count : null,
  }
}

export interface CurvePoint {
  /** Seconds since 1970. */
  time: number
  value: number
}

/** The sum of profit after each trade, oldest first, beginning at zero. */
export function profitCurve(trades: readonly ClosedTrade[]): CurvePoint[] {
  const ordered = [...trades].sort((a, b) => Date.parse(a.saleTime) - Date.parse(b.saleTime))
  let total = Dec.ZERO
  const points: CurvePoint[] = []
  for (const trade of ordered) {
    const time = Date.parse(trade.saleTime) / 1000
    if (points.length === 0) points.push({ time: Math.min(time - 1, Date.parse(trade.purchaseTime) / 1000), value: 0 })
    total = total.plus(trade.profitLossSol)
    points.push({ time: Math.max(time, (points.at(-1)?.time ?? 0) + 0.001), value: total.toNumber() })
  }
  return points
}

export interface Drawdown {
  sol: number
  /** Of the peak, when there is one above zero. */
  percent: number | null
}

/** The deepest fall from a peak, and the present one. */
export function drawdown(points: readonly CurvePoint[]): { deepest: Drawdown; present: Drawdown } {
  let peak = points[0]?.value ?? 0
  let deepest: Drawdown = { sol: 0, percent: null }
  let present: Drawdown = { sol: 0, percent: null }
  for (const { value } of points) {
    peak = Math.max(peak, value)
    present = { sol: peak - value, percent: peak > 0 ? ((peak - value) / peak) * 100 : null }
    if (present.sol > deepest.sol) deepest = present
  }
  return { deepest, present }
}
