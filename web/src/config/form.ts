// The trading configuration as a form: every field has a path such as `stopLoss.trailingLevels.0.change`.
import { Dec } from '@/lib/decimal'
import form from '@/config/form.json'

export type FieldType = 'number' | 'integer' | 'switch' | 'text' | 'choice' | 'list' | 'group'

export interface Field {
  key: string
  type: FieldType
  optional?: boolean
  least?: number
  above?: number
  most?: number
  shortest?: number
  longest?: number
  options?: string[]
  default?: unknown
  fields?: Field[]
  item?: Omit<Field, 'key'>
}

interface Level {
  [key: string]: number
}

export const SECTIONS = form.sections as Field[]
export const TAKE_PROFIT_TEMPLATES = form.takeProfit as Record<
  string,
  { levels: Level[]; moonBag: { enabled: boolean; triggerPercent: number; retainPercent: number } }
>
export const DCA_TEMPLATES = form.dca as Record<string, Level[]>
export const STOP_CURVES = form.stopCurves as unknown as Record<string, [number, number | null][]>

/** What is typed: numbers are text, and empty where there is none. */
export type Draft = Record<string, unknown>
export type Problems = Map<string, string>

/** Make a draft of a configuration; what it lacks has its default. */
export function toDraft(config: Record<string, unknown>): Draft {
  return group(SECTIONS, config)
}

function group(fields: readonly Field[], value: Record<string, unknown>): Draft {
  return Object.fromEntries(fields.map((field) => [field.key, typed(field, value[field.key])]))
}

function typed(field: Omit<Field, 'key'>, value: unknown): unknown {
  const present = value === undefined ? field.default : value
  switch (field.type) {
    case 'group':
      return group(field.fields ?? [], { ...(field.default as Draft | undefined), ...(present as Draft | undefined) })
    case 'list': {
      const item = field.item
      return Array.isArray(present) && item ? present.map((one: unknown) => typed(item, one)) : []
    }
    case 'number':
    case 'integer':
      return present === null || present === undefined ? '' : Dec.of(present as string).toString()
    case 'text':
      return String(present ?? '')
    default:
      return present ?? (field.type === 'switch' ? false : '')
  }
}

/** Read a draft: the configuration to send, and what is wrong by path. */
export function fromDraft(draft: Draft): { config: Record<string, unknown>; problems: Problems } {
  const problems: Problems = new Map()
  return { config: readGroup(SECTIONS, draft, '', problems), problems }
}

function readGroup(fields: readonly Field[], draft: Draft, path: string, problems: Problems): Record<string, unknown> {
  return Object.fromEntries(
    fields.map((field) => [field.key, read(field, draft[field.key], path ? `${path}.${field.key}` : field.key, problems)]),
  )
}

function read(field: Omit<Field, 'key'>, value: unknown, path: string, problems: Problems): unknown {
  switch (field.type) {
    case 'group':
      return readGroup(field.fields ?? [], value as Draft, path, problems)
    case 'list': {
      const items = value as unknown[]
      if (field.longest !== undefined && items.length > field.longest)
        problems.set(path, `At most ${field.longest} are possible.`)
      return items.map((one, index) => read(field.item ?? { type: 'text' }, one, `${path}.${index}`, problems))
    }
    case 'number':
    case 'integer': {
      const text = String(value).trim()
      if (text === '' && field.optional) return null
      const number = Dec.read(text.replace(/^\+/, '').replace('−', '-'))
      const problem = number === null ? 'Enter a number.' : rangeProblem(field, number)
      if (problem !== null) problems.set(path, problem)
      // The configuration's numbers are short; the service refuses those that are not.
      return number === null ? text : number.toNumber()
    }
    case 'text': {
      const text = String(value).trim()
      if (field.shortest !== undefined && text.length < field.shortest)
        problems.set(path, `At least ${field.shortest} characters are needed.`)
      else if (field.longest !== undefined && text.length > field.longest)
        problems.set(path, `At most ${field.longest} characters are possible.`)
      return text
    }
    default:
      return value
  }
}

function rangeProblem(field: Omit<Field, 'key'>, number: Dec): string | null {
  if (field.type === 'integer' && number.compare(number.round(0)) !== 0) return 'Enter a whole number.'
  if (field.least !== undefined && number.compare(field.least) < 0) return `Enter at least ${field.least}.`
  if (field.above !== undefined && number.compare(field.above) <= 0) return `Enter more than ${field.above}.`
  if (field.most !== undefined && number.compare(field.most) > 0) return `Enter at most ${field.most}.`
  return null
}

/** "0.1 to 50", "more than 0": what a field takes. */
export function rangeText(field: Omit<Field, 'key'>): string {
  const low = field.least ?? (field.above === undefined ? undefined : `more than ${field.above}`)
  if (low !== undefined && field.most !== undefined) return `${low} to ${field.most}`
  if (field.least !== undefined) return `${field.least} or more`
  if (low !== undefined) return String(low)
  return field.most === undefined ? '' : `up to ${field.most}`
}

export interface Change {
  path: string
  before: unknown
  after: unknown
}

/** What differs between two configurations, a line for each field; lists are compared as a whole. */
export function changesBetween(before: unknown, after: unknown, fields: readonly Field[] = SECTIONS, path = ''): Change[] {
  const [a, b] = [(before ?? {}) as Record<string, unknown>, (after ?? {}) as Record<string, unknown>]
  return fields.flatMap((field) => {
    const here = path ? `${path}.${field.key}` : field.key
    if (field.type === 'group') return changesBetween(a[field.key], b[field.key], field.fields, here)
    return JSON.stringify(a[field.key]) === JSON.stringify(b[field.key])
      ? []
      : [{ path: here, before: a[field.key], after: b[field.key] }]
  })
}

/** What to send for these changes: their fields alone, so that nothing else is put back to what this page knows. */
export function patchOf(changes: readonly Change[]): Record<string, unknown> {
  return withChanges({}, changes)
}

/** A configuration with these changes made to it. */
export function withChanges(config: Record<string, unknown>, changes: readonly Change[]): Record<string, unknown> {
  const changed = structuredClone(config)
  for (const { path, after } of changes) {
    const keys = path.split('.')
    const last = keys.pop() ?? ''
    let part = changed
    for (const key of keys) part = (part[key] ??= {}) as Record<string, unknown>
    part[last] = after
  }
  return changed
}

/** Put the service's refusals ("stopLoss.mode: must be …") to their fields. */
export function problemsByPath(lines: readonly string[]): Problems {
  const found: Problems = new Map()
  for (const line of lines) {
    const match = /^([A-Za-z0-9.]+): (.+)$/.exec(line)
    if (match?.[1] && match[2]) found.set(match[1], match[2])
  }
  return found
}
