// Prices at which the rules of an agent do something with a position.
import type { TradingConfig } from '@/api/types'
import { TAKE_PROFIT_TEMPLATES } from '@/config/form'
import { Dec } from '@/lib/decimal'
import type { LivePosition } from '@/live/positions'

export interface Target {
  /** Which of the levels, from 1. */
  number: number
  price: Dec
}

/** The take-profit levels that are still to come, nearest first. */
export function targetsOf(position: LivePosition, rules: TradingConfig['takeProfit'] | undefined): Target[] {
  if (!rules?.enabled) return []
  const { frame } = position
  const levels = TAKE_PROFIT_TEMPLATES[rules.mode ?? '']?.levels ?? rules.levels ?? []
  const total = frame.totalTakeProfitLevels ?? levels.length
  const targets: Target[] = []
  for (let hit = frame.takeProfitLevelsHit; hit < total; hit++) {
    const percent = levels[hit - frame.tpBatchStartLevel]?.['targetPercent']
    if (percent === undefined) continue
    targets.push({ number: hit + 1, price: Dec.of(frame.purchasePrice).times(Dec.of(percent).times('0.01').plus(1)) })
  }
  return targets
}
