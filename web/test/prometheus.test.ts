import { describe, expect, it } from 'vitest'

import { boundText, Figures } from '@/lib/prometheus'

const TEXT = `# HELP waits Jobs that wait
queue_depth{queue_name="a"} 2.0
queue_depth{queue_name="b \\"quoted\\""} 3.0
time_bucket{le="0.1",type="buy"} 4.0
time_bucket{le="1.0",type="buy"} 9.0
time_bucket{le="+Inf",type="buy"} 10.0
time_bucket{le="0.1",type="sell"} 0.0
time_bucket{le="1.0",type="sell"} 0.0
time_bucket{le="+Inf",type="sell"} 0.0
created 1.795955714044975e+09
`

describe('Figures', () => {
  const figures = new Figures(TEXT)

  it('reads labels and values', () => {
    expect(figures.all('queue_depth').map(({ labels }) => labels['queue_name'])).toEqual(['a', 'b "quoted"'])
    expect(figures.sum('queue_depth')).toBe(5)
    expect(figures.sum('created')).toBe(1795955714.044975)
    expect(figures.sum('nothing')).toBeNull()
  })

  it('tells within which bounds times are', () => {
    expect(figures.spread('time')).toEqual({ count: 10, half: 1, most: Infinity, widest: 1 })
    expect(figures.spread('time', ({ type }) => type === 'sell')).toBeNull()
    expect([boundText(1, 1), boundText(0.05, 1), boundText(Infinity, 30)]).toEqual(['≤ 1 s', '≤ 50 ms', '> 30 s'])
  })
})
