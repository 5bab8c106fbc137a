import { describe, expect, it } from 'vitest'

import { randomPassword, weaknessOf } from '@/lib/password'

describe('passwords', () => {
  it.each([
    ['', undefined],
    ['Aa1-', 'At least 8 characters.'],
    ['Correct-horse-1', undefined],
    ['correct-horse', 'It still needs an upper-case letter, a digit.'],
    ['CORRECTHORSE1', 'It still needs a lower-case letter, another character, such as a dash.'],
  ])('of %j it is said: %j', (password, said) => expect(weaknessOf(password)).toBe(said))

  it('are random and good enough', () => {
    const some = new Set(Array.from({ length: 200 }, randomPassword))
    expect(some.size).toBe(200)
    for (const one of some) {
      expect(weaknessOf(one)).toBeUndefined()
      expect(one).toMatch(/^(\w{5}-){3}\w{5}$/)
    }
  })
})
