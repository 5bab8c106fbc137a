// Exact decimals. Money is never a floating-point number here: amounts come as text or short JSON numbers and stay exact until
// they are drawn on a chart.

/** A number of the API. One with more digits than a double keeps is text, see `lib/json.ts`. */
export type Decimal = number | string

const NUMBER = /^([+-]?)(\d*)(?:\.(\d*))?(?:e([+-]?\d+))?$/i

export class Dec {
  static readonly ZERO = new Dec(0n, 0)

  private constructor(
    private readonly units: bigint,
    private readonly scale: number,
  ) {}

  /** Read a number of the API; throws on anything that is not one. */
  static of(value: Decimal | Dec): Dec {
    if (value instanceof Dec) return value
    const read = Dec.read(String(value))
    if (read === null) throw new RangeError(`not a decimal: ${value}`)
    return read
  }

  /** Read what somebody typed; null when it is not a plain number. */
  static read(text: string): Dec | null {
    const match = NUMBER.exec(text.trim())
    if (match === null || (!match[2] && !match[3])) return null
    const fraction = match[3] ?? ''
    const exponent = Number(match[4] ?? 0)
    if (Math.abs(exponent) > 400) return null
    let units = BigInt((match[2] ?? '') + fraction || '0')
    let scale = fraction.length - exponent
    if (scale < 0) {
      units *= 10n ** BigInt(-scale)
      scale = 0
    }
    return new Dec(match[1] === '-' ? -units : units, scale)
  }

  plus(other: Decimal | Dec): Dec {
    const that = Dec.of(other)
    const scale = Math.max(this.scale, that.scale)
    return new Dec(this.at(scale) + that.at(scale), scale)
  }

  minus(other: Decimal | Dec): Dec {
    return this.plus(Dec.of(other).negated())
  }

  times(other: Decimal | Dec): Dec {
    const that = Dec.of(other)
    return new Dec(this.units * that.units, this.scale + that.scale)
  }

  /** Divide, rounded half away from zero to so many decimals; null when the divisor is zero. */
  over(other: Decimal | Dec, decimals = 12): Dec | null {
    const that = Dec.of(other)
    if (that.units === 0n) return null
    const raised = this.units * powerOfTen(decimals + that.scale)
    return new Dec(divideRounded(raised, that.units * powerOfTen(this.scale)), decimals)
  }

  negated(): Dec {
    return new Dec(-this.units, this.scale)
  }

  abs(): Dec {
    return this.units < 0n ? this.negated() : this
  }

  /** Round half away from zero. */
  round(decimals: number): Dec {
    if (decimals >= this.scale) return new Dec(this.at(decimals), decimals)
    return new Dec(divideRounded(this.units, powerOfTen(this.scale - decimals)), decimals)
  }

  compare(other: Decimal | Dec): number {
    const that = Dec.of(other)
    const scale = Math.max(this.scale, that.scale)
    const [a, b] = [this.at(scale), that.at(scale)]
    return a < b ? -1 : a > b ? 1 : 0
  }

  get sign(): -1 | 0 | 1 {
    return this.units < 0n ? -1 : this.units > 0n ? 1 : 0
  }

  /** How many zeros follow the point before the first digit: 0.0012 has two; anything from 0.1 up has none. */
  get leadingZeros(): number {
    if (this.units === 0n) return 0
    return Math.max(0, this.scale - this.abs().units.toString().length)
  }

  /** Digits before the point; 0 for what is below one. */
  get integerDigits(): number {
    return this.units === 0n ? 0 : Math.max(0, this.abs().units.toString().length - this.scale)
  }

  /** The nearest double: for drawing and sorting, not for money. */
  toNumber(): number {
    return Number(this.toString())
  }

  /** Plain digits, without an exponent and without superfluous zeros. */
  toString(): string {
    const text = this.toFixed()
    return text.includes('.') ? text.replace(/\.?0+$/, '') : text
  }

  /** Plain digits with exactly the decimals it has, or so many. */
  toFixed(decimals?: number): string {
    const value = decimals === undefined ? this : this.round(decimals)
    const digits = value.abs().units.toString().padStart(value.scale + 1, '0')
    const whole = value.scale ? digits.slice(0, -value.scale) : digits
    const text = value.scale ? `${whole}.${digits.slice(-value.scale)}` : whole
    return value.units < 0n ? `-${text}` : text
  }

  private at(scale: number): bigint {
    return scale === this.scale ? this.units : this.units * powerOfTen(scale - this.scale)
  }
}

// Reckoned once each: prices of many positions are multiplied and added every second.
const powers: bigint[] = []

function powerOfTen(exponent: number): bigint {
  return (powers[exponent] ??= 10n ** BigInt(exponent))
}

function divideRounded(dividend: bigint, divisor: bigint): bigint {
  const negative = dividend < 0n !== divisor < 0n
  const a = dividend < 0n ? -dividend : dividend
  const b = divisor < 0n ? -divisor : divisor
  const quotient = (2n * a + b) / (2n * b)
  return negative ? -quotient : quotient
}

/** Add up; an empty list is zero. */
export function sum(values: Iterable<Decimal | Dec>): Dec {
  let total = Dec.ZERO
  for (const value of values) total = total.plus(value)
  return total
}
