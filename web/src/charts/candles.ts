// What a chart of candles is made of.

export interface Candle {
  /** Seconds since 1970. */
  time: number
  open: number
  high: number
  low: number
  close: number
}

export type MarkKind = 'signal' | 'entry' | 'average_down' | 'partial_sale' | 'exit'

export interface Mark {
  time: number
  kind: MarkKind
  /** Short: it stands in the chart. */
  text: string
}

export type LineKind = 'entry' | 'stop' | 'peak' | 'target'

export interface PriceLine {
  kind: LineKind
  label: string
  price: number
}

/** Put each mark on the last candle that had begun by then; those from before the first one are left out. */
export function placed(marks: readonly Mark[], candles: readonly Candle[], seconds: number): Mark[] {
  const first = candles[0]
  if (first === undefined) return []
  const result: Mark[] = []
  let at = 0
  for (const mark of [...marks].sort((a, b) => a.time - b.time)) {
    if (mark.time < first.time) continue
    while (at + 1 < candles.length && (candles[at + 1]?.time ?? Infinity) <= mark.time) at++
    const candle = candles[at]
    // The newest seconds are written a little later than what happened in them.
    if (candle && (at < candles.length - 1 || mark.time - candle.time < Math.max(seconds * 2, 60))) result.push({ ...mark, time: candle.time })
  }
  return result
}
