import { describe, expect, it } from 'vitest'

import type { Attention, Health } from '@/api/types'
import { noticesOf } from '@/lib/attention'

const served = (kind: string, more: Partial<Attention> = {}): Attention =>
  ({
    kind,
    severity: 'warning',
    text: 'As the service says it',
    code: null,
    agentId: 'a1',
    agentName: 'Careful',
    walletAddress: 'DemoWa11etAddress',
    positionId: null,
    tokenAddress: 'M1nt',
    tokenSymbol: 'EXM',
    since: null,
    ...more,
  }) as Attention
const health = (unresolved: number, redis: 'healthy' | 'unhealthy'): Health =>
  ({ services: { database: { status: 'healthy' }, redis: { status: redis }, queue: { status: 'healthy' } }, engine: { role: 'engine', unresolved } }) as unknown as Health

describe('what needs attention', () => {
  it('is nothing when all is well', () => {
    expect(noticesOf({ health: health(0, 'healthy'), served: [], killSwitches: null })).toEqual([])
    expect(noticesOf({ health: null, served: [], killSwitches: null })).toEqual([])
  })

  it('says of each kind whom it concerns, and leads to where something can be done', () => {
    const kinds: [string, string | undefined][] = [
      ['exit_delayed', '#/agents/a1'],
      ['price_stale', '#/tokens/M1nt'],
      ['wallet_locked', '#/access/wallets'],
      ['orphan_token', '#/access/wallets'],
      ['wallet_unreconciled', '#/access/wallets'],
      ['protection', '#/agents/a1/protections'],
      ['engine_elsewhere', '#/system'],
      ['engine_not_ready', '#/system'],
      ['engine_late', '#/system'],
      ['sol_price_stale', undefined],
    ]
    for (const [kind, href] of kinds) {
      const [notice, ...others] = noticesOf({ health: null, served: [served(kind)], killSwitches: null })
      expect(others).toEqual([])
      expect(notice?.href, kind).toBe(href)
      expect(notice?.title, kind).not.toBe('')
      expect(`${notice?.title} ${notice?.text}`, kind).not.toMatch(/journal|projection|intent|lease|mirror|replica/i)
    }
  })

  it('shows a kind it does not know in the words of the service', () => {
    const [notice] = noticesOf({ health: null, served: [served('new_kind', { severity: 'danger' })], killSwitches: null })
    expect(notice).toMatchObject({ severity: 'problem', title: 'The service reports', text: 'As the service says it' })
  })

  it('adds what it stands on and trades in doubt, and says a switch once', () => {
    const switches = { user: { engaged: true, flatten: false }, system: { engaged: false } } as never
    const found = noticesOf({ health: health(2, 'unhealthy'), served: [served('kill_switch')], killSwitches: switches })
    expect(found.map((one) => one.title)).toEqual(['Redis does not answer', '2 trades without a known outcome', 'Buying is stopped'])
  })

  it('counts down what is left to sell', () => {
    const switches = { user: { engaged: true, flatten: true }, system: { engaged: false } } as never
    const [many, none] = [1000, 0].map((open) => noticesOf({ health: null, served: [], killSwitches: switches, open })[0]?.text)
    expect(many).toMatch(/^1,000 positions left to sell\. /)
    expect(none).toMatch(/^Nothing is left to sell\. /)
  })

  it('has a key for each, so that two of a kind are two', () => {
    const two = [served('exit_delayed', { positionId: 'p1' }), served('exit_delayed', { positionId: 'p2' })]
    const keys = noticesOf({ health: null, served: two, killSwitches: null }).map((one) => one.key)
    expect(new Set(keys).size).toBe(2)
  })
})
