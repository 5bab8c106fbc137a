import type { SourceRefusal } from '@/api/types'
import type { Step } from '@/charts/candles'

/** Why the word of a source did not count. */
export const REFUSALS: Record<SourceRefusal['reason'], string> = {
  unconfirmed: 'It said another price, and nobody had confirmed it yet',
  contradicted: 'It said another price, and the other source denied it',
  stranger: 'It has never agreed with another source about this token',
  frozen: 'It repeated itself while the market moved',
  stale: 'What it said was too old',
  not_a_price: 'What it said was no price',
  no_sol_price: 'It said a price in USD, and what a SOL costs was not known',
}

const NAMES: Record<string, string> = { dexscreener: 'DexScreener', jupiter: 'Jupiter' }

export const sourceName = (source: string): string => NAMES[source] ?? source

/** What a source said, as steps: it ends where the source said nothing for a period (seconds). */
export function said(points: readonly { time: string; price: string }[], period: number): Step[] {
  return points.flatMap((point, index) => {
    const time = Date.parse(point.time) / 1000
    const next = points[index + 1]
    // The newest period is written while it lasts, and the one after it a little later.
    const end = time + (next ? period : 2 * period)
    const step = { time, price: Number(point.price) }
    return !next || Date.parse(next.time) / 1000 > end ? [step, { time: end, price: null }] : [step]
  })
}
