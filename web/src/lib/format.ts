// How numbers are written. All of them are exact; what is rounded for the eye is in full in the tooltip (components/Num.vue).
import { Dec, type Decimal } from '@/lib/decimal'

export type Unit = 'SOL' | 'USD' | '%' | 'price' | 'amount' | 'count'

const SUBSCRIPTS = '₀₁₂₃₄₅₆₇₈₉'
const MINUS = '−'

export interface NumberOptions {
  /** Put a plus before gains. */
  signed?: boolean
  /** Leave the unit away: it stands in the heading of the column. */
  bare?: boolean
  decimals?: number
}

/** Write a number with its unit; a dash for none. */
export function formatNumber(value: Decimal | Dec | null | undefined, unit: Unit, options: NumberOptions = {}): string {
  if (value === null || value === undefined || value === '') return '–'
  const exact = Dec.of(value)
  const size = exact.abs()
  const digits = unit === 'price' ? priceDigits(size) : grouped(size.toFixed(options.decimals ?? decimalsOf(size, unit)))
  const isNothing = !/[1-9]/.test(digits)
  const sign = isNothing ? '' : exact.sign < 0 ? MINUS : options.signed ? '+' : ''
  if (unit === 'USD') return `${sign}$${digits}`
  if (options.bare) return sign + digits
  if (unit === '%') return `${sign}${digits}%`
  if (unit === 'SOL' || unit === 'price') return `${sign}${digits} SOL`
  return sign + digits
}

/** Write a number in full, for tooltips and copying. */
export function fullNumber(value: Decimal | Dec, unit: Unit): string {
  const text = grouped(Dec.of(value).toString()).replace('-', MINUS)
  if (unit === 'USD') return `$${text}`
  if (unit === '%') return `${text} %`
  return unit === 'SOL' || unit === 'price' ? `${text} SOL` : text
}

function decimalsOf(size: Dec, unit: Unit): number {
  if (unit === 'count') return 0
  if (unit === 'USD' || unit === '%') return 2
  if (unit === 'SOL') return 4
  return size.integerDigits >= 4 ? 0 : size.integerDigits >= 1 ? 2 : 4
}

/** Five digits that say something; long rows of zeros are counted: 0.0₇12345 has seven zeros after the point. */
function priceDigits(size: Dec): string {
  if (size.sign === 0) return '0'
  if (size.integerDigits > 0) return grouped(size.toFixed(Math.max(0, 5 - size.integerDigits)))
  const zeros = size.leadingZeros
  const text = size.toFixed(zeros + 5)
  if (zeros < 5) return text
  const count = [...String(zeros)].map((digit) => SUBSCRIPTS[Number(digit)]).join('')
  return `0.0${count}${text.slice(2 + zeros)}`
}

function grouped(text: string): string {
  const [whole = '', fraction] = text.split('.')
  const withCommas = whole.replace(/\B(?=(\d{3})+$)/g, ',')
  return fraction === undefined ? withCommas : `${withCommas}.${fraction}`
}

/** Shorten an address to both ends. */
export function shortAddress(address: string): string {
  return address.length <= 13 ? address : `${address.slice(0, 5)}…${address.slice(-4)}`
}

/** What a token is called: the service says TOKEN of one whose symbol nobody has told. */
export const symbolText = (symbol: string | null, mint: string): string => (symbol === null || symbol === '' || symbol === 'TOKEN' ? shortAddress(mint) : symbol)

/** "1 position", "2 positions". */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`
}
