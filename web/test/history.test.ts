import { describe, expect, it } from 'vitest'

import type { Transaction } from '@/api/types'
import { placed, type Candle, type Mark } from '@/charts/candles'
import { kindOf, tokenOf } from '@/lib/transactions'

const SOL = 'So11111111111111111111111111111111111111112'
const swap = (inputMint: string | null, outputMint: string | null, more: Partial<Transaction> = {}): Transaction =>
  ({ transactionType: 'SWAP', inputMint, outputMint, inputSymbol: null, outputSymbol: 'BONK', isDca: false, isTakeProfit: false, ...more }) as Transaction

describe('what a transaction was', () => {
  it('is told by what went in and what it was for', () => {
    expect(kindOf(swap(SOL, 'mint'))).toBe('buy')
    expect(kindOf(swap(SOL, 'mint', { isDca: true }))).toBe('average_down')
    expect(kindOf(swap('mint', SOL))).toBe('sale')
    expect(kindOf(swap('mint', SOL, { isTakeProfit: true }))).toBe('partial_sale')
    expect(kindOf(swap(SOL, null, { transactionType: 'DEPOSIT' }))).toBe('deposit')
    expect(kindOf(swap(SOL, null, { transactionType: 'BURN' }))).toBe('withdrawal')
  })

  it('names the token and never SOL', () => {
    expect(tokenOf(swap(SOL, 'mint'))).toEqual({ mint: 'mint', symbol: 'BONK' })
    expect(tokenOf(swap(SOL, null))).toBeNull()
  })
})

describe('marks in a chart', () => {
  const candle = (time: number): Candle => ({ time, open: 1, high: 1, low: 1, close: 1 })
  const mark = (time: number): Mark => ({ time, kind: 'entry', text: 'Buy' })
  const candles = [candle(60), candle(120), candle(600)]

  it('stand on the last candle that had begun', () => {
    expect(placed([mark(601), mark(60), mark(119.9), mark(300)], candles, 60).map((one) => one.time)).toEqual([60, 60, 120, 600])
  })

  it('are left out before the first candle, and long after the last', () => {
    expect(placed([mark(59), mark(10_000)], candles, 60)).toEqual([])
    expect(placed([mark(60)], [], 60)).toEqual([])
  })
})
