import { describe, expect, it } from 'vitest'

import type { Decision } from '@/api/types'
import { checksOf, stagesOf, summaryOf } from '@/lib/decisions'
import { dayEnd, dayStart, periodProblem } from '@/lib/period'
import { readAlert, replacementProblem, replacementsOf, sentMaps, sentTemplate } from '@/lib/webhook-form'

const gate = (name: string, limit: string | null, passed = true): Decision['gates'][number] => ({ name, limit, passed, value: '3' })
const decision = (agentId: string, gates: Decision['gates'], latencyMs: Decision['latencyMs'] = {}, outcome = 'WOULD_BUY'): Decision => ({
  agentId,
  outcome,
  code: null,
  reason: null,
  gates,
  intentId: null,
  transactionId: null,
  positionId: null,
  sizeSol: null,
  priceSol: null,
  priceSource: null,
  priceAgeMs: null,
  latencyMs,
  decidedAt: '2026-01-01T00:00:00.000Z',
})

describe('checks of several agents', () => {
  it('puts the same check of all of them on one line, and a missing one is null', () => {
    const rows = checksOf([
      decision('a', [gate('agent_active', 'yes', false)]),
      decision('b', [gate('agent_active', 'yes'), gate('signal_strength', 'at least 2'), gate('purchase_validation', 'passed')]),
    ])
    expect(rows.map((row) => row.name)).toEqual(['agent_active', 'signal_strength', 'purchase_validation'])
    expect(rows[1]?.gates.map((one) => one?.passed ?? null)).toEqual([null, true])
  })

  it('keeps lower and upper bound apart, whoever has which', () => {
    const rows = checksOf([
      decision('a', [gate('liquidity_usd', 'at most 9')]),
      decision('b', [gate('liquidity_usd', 'at least 1'), gate('liquidity_usd', 'at most 5')]),
    ])
    expect(rows.map((row) => row.gates.map((one) => one?.limit ?? null))).toEqual([
      [null, 'at least 1'],
      ['at most 9', 'at most 5'],
    ])
  })

  it('orders the steps by when they happened', () => {
    expect(stagesOf([decision('a', [], { quoted: 9, recorded: '20.5', intended: 3 })])).toEqual(['intended', 'quoted', 'recorded'])
  })

  it('says how many would buy', () => {
    expect(summaryOf([])).toMatch(/no agent/)
    expect(summaryOf([decision('a', [])])).toBe('Your agent would buy.')
    expect(summaryOf([decision('a', []), decision('b', [], {}, 'FAILED')])).toBe('1 of 2 agents would buy.')
    expect(summaryOf([decision('a', [], {}, 'WOULD_SELL'), decision('b', [], {}, 'SKIPPED')], true)).toBe('1 of 2 agents would sell.')
    expect(summaryOf([], true)).toBe('You have no agent that could sell.')
  })
})

describe('a webhook as it is edited', () => {
  it('leaves out what is empty', () => {
    expect(sentTemplate({ tokenAddress: '{{ticker}}', symbol: ' ' })).toEqual({ tokenAddress: '{{ticker}}' })
    expect(sentMaps({ tokenAddress: [{ from: ' BONK ', to: 'mint ' }, { from: '', to: '' }], symbol: [] })).toEqual({ tokenAddress: { BONK: 'mint' } })
  })

  it('shows the replacements it has', () => {
    const maps = replacementsOf({ maps: { signalStrength: { buy: 3 } } } as never)
    expect(maps).toEqual({ signalStrength: [{ from: 'buy', to: '3' }] })
  })

  it('refuses the same name twice, however it is written', () => {
    expect(replacementProblem([{ from: 'Buy', to: '1' }, { from: 'buy ', to: '2' }])).toContain('buy')
    expect(replacementProblem([{ from: '', to: '2' }])).toBeDefined()
    expect(replacementProblem([{ from: '', to: '' }, { from: 'a', to: '' }])).toBeUndefined()
  })

  it('takes JSON as JSON and everything else as text', () => {
    expect(readAlert('{"a": 1}')).toEqual({ a: 1 })
    expect(readAlert('BONK buy')).toBe('BONK buy')
    expect(readAlert('5')).toBe('5')
  })
})

describe('a period', () => {
  it('holds both of its days whole', () => {
    const [from, to] = [dayStart('2026-03-01'), dayEnd('2026-03-01')]
    expect(Date.parse(to ?? '') - Date.parse(from ?? '')).toBe(86_400_000 - 1)
    expect(dayStart('')).toBeUndefined()
    expect(dayEnd('nonsense')).toBeUndefined()
  })

  it('must not end before it begins', () => {
    expect(periodProblem('2026-03-02', '2026-03-01')).toBeDefined()
    expect(periodProblem('2026-03-02', '')).toBeUndefined()
  })
})
