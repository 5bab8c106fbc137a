import { describe, expect, it } from 'vitest'

import { roomForNames, shaded, stepped, type Candle } from '@/charts/candles'
import { said } from '@/pages/tokens/sources'

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

describe('what sources said', () => {
  const at = (minute: number): string => new Date(minute * 60_000).toISOString()

  it('ends where a source said nothing for a minute, and goes on for a moment at its end', () => {
    const points = [0, 1, 3].map((minute) => ({ time: at(minute), price: String(minute + 1) }))
    expect(said(points, 60)).toEqual([
      { time: 0, price: 1 },
      { time: 60, price: 2 },
      { time: 120, price: null },
      { time: 180, price: 4 },
      { time: 300, price: null },
    ])
    expect(said([], 60)).toEqual([])
  })

  it('is shaded at each candle that was in doubt, with what there is to say', () => {
    const spans = [
      { since: 70, until: 75, text: 'one' },
      { since: 119, until: 120, text: 'two' },
      { since: 125, until: null, text: 'two' },
      { since: 240, until: null, text: 'later' },
    ]
    expect([...shaded(spans, candles, 60)]).toEqual([
      [60, 'one. two'],
      [120, 'two'],
      [180, 'two'],
    ])
    expect(shaded([], candles, 60).size).toBe(0)
  })
})

describe('the names of lines', () => {
  it('stand beside the newest marks, as far as there is room', () => {
    expect(roomForNames([40, 120], 1000)).toBe(144)
    expect(roomForNames([400], 300)).toBe(120)
    expect(roomForNames([], 300)).toBe(24)
  })
})
