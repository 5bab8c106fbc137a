import { describe, expect, it } from 'vitest'

import type { ClosedTrade } from '@/api/types'
import { drawdown, figuresOf, grouped, profitCurve } from '@/lib/trades'

function trade(minute: number, profitLossSol: string, closeReason = 'manual'): ClosedTrade {
  const at = (minutes: number): string => new Date(Date.UTC(2026, 0, 1, 12, minutes)).toISOString()
  return {
    profitLossSol,
    profitLossUsd: '1.5',
    changePercent: '10',
    purchaseTime: at(minute - 1),
    saleTime: at(minute),
    closeReason,
  } as ClosedTrade
}

const TRADES = [trade(30, '-0.3', 'stop_loss'), trade(10, '0.1'), trade(20, '0.2')]

describe('figures of closed trades', () => {
  it('adds exactly', () => {
    const figures = figuresOf(TRADES)
    expect(figures.profitSol.toString()).toBe('0')
    expect(figures.profitUsd.toString()).toBe('4.5')
    expect(figures.winRate?.toString()).toBe('66.7')
    expect(figures.profitFactor?.toString()).toBe('1')
    expect(figures.averageHoldMs).toBe(60_000)
    expect(figures.best?.profitLossSol).toBe('0.2')
  })

  it('has nothing to say about nothing', () => {
    expect(figuresOf([])).toMatchObject({ count: 0, winRate: null, profitFactor: null, averageHoldMs: null, best: null })
    expect(profitCurve([])).toEqual([])
  })

  it('draws the sum in the order of sales, and finds the deepest fall', () => {
    const curve = profitCurve(TRADES)
    expect(curve.map((point) => point.value)).toEqual([0, 0.1, 0.3, 0])
    expect(drawdown(curve).deepest).toEqual({ sol: 0.3, percent: 100 })
    expect(drawdown([{ time: 0, value: 0 }, { time: 1, value: -2 }]).deepest).toEqual({ sol: 2, percent: null })
  })

  it('groups', () => {
    expect(grouped(TRADES, (one) => one.closeReason ?? '').map(({ name, count, wins }) => [name, count, wins])).toEqual([
      ['manual', 2, 2],
      ['stop_loss', 1, 0],
    ])
  })
})
