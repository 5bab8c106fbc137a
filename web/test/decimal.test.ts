import { describe, expect, it } from 'vitest'

import { Dec, sum } from '@/lib/decimal'
import { formatNumber, fullNumber } from '@/lib/format'
import { parseJson } from '@/lib/json'

describe('Dec', () => {
  it('adds what doubles cannot', () => {
    expect(sum(['0.1', '0.2']).toString()).toBe('0.3')
    expect(Dec.of('123456789.123456789').plus('0.000000001').toString()).toBe('123456789.12345679')
  })

  it('reads exponents and refuses everything else', () => {
    expect(Dec.of('1e-11').toFixed()).toBe('0.00000000001')
    expect(Dec.of('2.5E3').toString()).toBe('2500')
    for (const text of ['', '.', '-', '1,5', '0x10', 'NaN', 'Infinity', '1e999999999', '1 2']) expect(Dec.read(text)).toBeNull()
  })

  it('rounds half away from zero', () => {
    expect(Dec.of('1.005').toFixed(2)).toBe('1.01')
    expect(Dec.of('-1.005').toFixed(2)).toBe('-1.01')
    expect(Dec.of('1.0049').toFixed(2)).toBe('1.00')
    expect(Dec.of('7').toFixed(2)).toBe('7.00')
  })

  it('divides, and not by zero', () => {
    expect(Dec.of(1).over(3, 6)?.toString()).toBe('0.333333')
    expect(Dec.of(-2).over(3, 3)?.toString()).toBe('-0.667')
    expect(Dec.of(1).over('0.00')).toBeNull()
  })

  it('compares across scales', () => {
    expect(Dec.of('1.0').compare('1')).toBe(0)
    expect(Dec.of('-0.1').compare('0')).toBe(-1)
    expect(Dec.of('0.00').sign).toBe(0)
  })
})

describe('formatNumber', () => {
  it('keeps its decimals, so that nothing jumps', () => {
    expect(formatNumber('1', 'SOL')).toBe('1.0000 SOL')
    expect(formatNumber('1234567.891', 'USD')).toBe('$1,234,567.89')
    expect(formatNumber('-0.5', 'USD', { signed: true })).toBe('−$0.50')
    expect(formatNumber('3', '%', { signed: true })).toBe('+3.00%')
  })

  it('shows no sign on what is shown as zero', () => {
    expect(formatNumber('-0.00001', 'SOL', { signed: true })).toBe('0.0000 SOL')
    expect(formatNumber('0.001', 'USD', { signed: true })).toBe('$0.00')
  })

  it('writes prices with five digits that say something', () => {
    expect(formatNumber('0.0000000123456', 'price', { bare: true })).toBe('0.0₇12346')
    expect(formatNumber('0.00123456', 'price', { bare: true })).toBe('0.0012346')
    expect(formatNumber('0.09999999', 'price', { bare: true })).toBe('0.100000')
    expect(formatNumber('1234567.8', 'price', { bare: true })).toBe('1,234,568')
    expect(formatNumber('12.3456789', 'price', { bare: true })).toBe('12.346')
  })

  it('has a dash for nothing, and everything in full', () => {
    expect(formatNumber(null, 'SOL')).toBe('–')
    expect(fullNumber('1234.000000001', 'SOL')).toBe('1,234.000000001 SOL')
  })
})

describe('parseJson', () => {
  it('keeps long numbers as text and leaves texts alone', () => {
    expect(parseJson('{"a":0.1234567890123456789,"b":1.5,"c":"12345678901234567890","d":[-1e-3,9007199254740993]}')).toEqual({
      a: '0.1234567890123456789',
      b: 1.5,
      c: '12345678901234567890',
      d: [-0.001, '9007199254740993'],
    })
    expect(parseJson(String.raw`{"quote \"1.12345678901234567\"":"\\",  "n": 0.000000000012345}`)).toEqual({
      'quote "1.12345678901234567"': '\\',
      n: 1.2345e-11,
    })
  })
})
