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

export type LineKind = 'entry' | 'stop' | 'peak' | 'target' | 'source' | 'other'

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

/** A value that moved: where it stood from each moment on, null while there was none. */
export interface Step {
  time: number
  price: number | null
}

export interface StepLine {
  key: string
  kind: LineKind
  steps: readonly Step[]
}

/** The value of a line at each candle from its first step on, ended at `until` (seconds since 1970; null goes on). */
export function stepped(steps: readonly Step[], candles: readonly Candle[], seconds: number, until: number | null): Step[] {
  const result: Step[] = []
  let at = -1
  for (const candle of candles) {
    if (until !== null && candle.time > until) break
    // A step within a candle is where the line stands at the candle's end.
    while (at + 1 < steps.length && (steps[at + 1]?.time ?? Infinity) < candle.time + seconds) at++
    if (at >= 0) result.push({ time: candle.time, price: steps[at]?.price ?? null })
  }
  return result
}

/** How many pixels stay free at the right edge for the names of lines, so that they cover no mark; never more than 40 % of the chart. */
export const roomForNames = (widths: readonly number[], chartWidth: number): number => Math.min(Math.max(0, ...widths) + 24, chartWidth * 0.4)

/** A time about which there is something to say. */
export interface Span {
  /** Seconds since 1970. */
  since: number
  /** Null goes on. */
  until: number | null
  text: string
}

/** The candles that spans lie in, with what there is to say about each. */
export function shaded(spans: readonly Span[], candles: readonly Candle[], seconds: number): Map<number, string> {
  const found = new Map<number, string>()
  for (const { time } of candles) {
    const here = spans.filter((one) => one.since < time + seconds && (one.until === null || one.until >= time))
    if (here.length) found.set(time, [...new Set(here.map((one) => one.text))].join('. '))
  }
  return found
}
