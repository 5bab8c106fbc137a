import { describe, expect, it } from 'vitest'

import type { Budget } from '@/api/types'
import { budgetsOf } from '@/pages/system/budgets'

const budget = (more: Partial<Budget>): Budget => ({ name: 'Jupiter', limit: 60, windowSeconds: 60, left: 60, pausedSeconds: 0, waiting: 0, ...more })

describe('requests left', () => {
  it.each([
    [{}, '60 of 60 a minute', 'good'],
    [{ left: 5 }, '5 of 60 a minute', 'warn'],
    [{ left: 0, waiting: 2 }, '0 of 60 a minute, 2 waiting', 'bad'],
    [{ pausedSeconds: 2.5 }, '60 of 60 a minute, asked for a pause of 2.5 s', 'bad'],
    [{ limit: 0, left: null, windowSeconds: 10 }, 'No limit of ours', 'good'],
    [{ limit: 20, left: 20, windowSeconds: 10 }, '20 of 20 in 10 seconds', 'good'],
  ] as const)('%j is %j', (more, value, tone) => {
    const [fact] = budgetsOf([budget(more)])
    expect(fact).toMatchObject({ value, tone })
  })

  it('tells several nodes apart', () => {
    const labels = budgetsOf([budget({ name: 'Solana RPC' }), budget({ name: 'Solana RPC' })]).map((one) => one.label)
    expect(labels).toEqual(['Solana node', 'Solana node (2)'])
  })
})
