import { describe, expect, it } from 'vitest'

import { namesOf } from '@/lib/agent-names'

const agent = (id: string, name: string, day: number) => ({ id, name, createdAt: `2026-01-0${day}T00:00:00Z` })

describe('agents that are called the same', () => {
  it('are numbered from the oldest on', () => {
    const names = namesOf([agent('c', 'Scout', 3), agent('a', 'Scout', 1), agent('b', 'Other', 1), agent('d', 'Scout', 2)])
    expect(Object.fromEntries(names)).toEqual({ a: 'Scout', d: 'Scout (2)', c: 'Scout (3)', b: 'Other' })
  })

  it('are never given a name that another one has', () => {
    const names = namesOf([agent('a', 'Scout', 1), agent('b', 'Scout', 2), agent('c', 'Scout (2)', 3), agent('d', 'Scout', 4)])
    expect(new Set(names.values()).size).toBe(4)
    expect(names.get('c')).toBe('Scout (2)')
  })
})
