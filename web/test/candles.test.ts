import { describe, expect, it } from 'vitest'

import { stepped, type Candle } from '@/charts/candles'

const candles: Candle[] = [0, 60, 120, 180].map((time) => ({ time, open: 1, high: 1, low: 1, close: 1 }))

describe('what moves beside the price', () => {
  it('stands at each candle where it stood at its end', () => {
    const steps = [
      { time: 60, price: 2 },
      { time: 150, price: 3 },
    ]
    expect(stepped(steps, candles, 60, null)).toEqual([
      { time: 60, price: 2 },
      { time: 120, price: 3 },
      { time: 180, price: 3 },
    ])
  })

  it('begins before the first candle, has gaps, and ends with its position', () => {
    const steps = [
      { time: -500, price: 2 },
      { time: 60, price: null },
    ]
    expect(stepped(steps, candles, 60, 70)).toEqual([
      { time: 0, price: 2 },
      { time: 60, price: null },
    ])
    expect(stepped([], candles, 60, null)).toEqual([])
    expect(stepped(steps, [], 60, null)).toEqual([])
  })
})
