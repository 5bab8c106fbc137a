// Reads rules from a file. Either all of it is right, or nothing of it is used and it is said what is wrong.
import { fromDraft, rangeText, SECTIONS, toDraft, type Field } from '@/config/form'
import { fullLabel } from '@/config/texts'

type Config = Record<string, unknown>
type Item = Omit<Field, 'key'>

export const KIND = 'nexgent-config'
/** What stands beside the rules in a file that was saved here. */
const AROUND = ['kind', 'agent', 'at', 'config']

/** Return the present rules with those of the file laid over them, or what is wrong with the file. */
export function readFile(text: string, present: Config): { config: Config | null; problems: string[] } {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch (error) {
    return { config: null, problems: [`It is not written as JSON${placeOf(error, text)}.`] }
  }
  const problems = isGroup(body) ? problemsOfFile(body) : [`It holds ${kindOf(body)} and not rules by their names.`]
  if (problems.length) return { config: null, problems }
  const file = body as Config
  const config = laidOver(SECTIONS, present, (file['config'] ?? file) as Config)
  const { problems: wrong } = fromDraft(toDraft(config))
  if (wrong.size) return { config: null, problems: [...wrong].map(([path, what]) => line(path, what)) }
  return { config, problems: [] }
}

function problemsOfFile(file: Config): string[] {
  const kind = file['kind']
  if (kind !== undefined && kind !== KIND) return [`It says of itself that it is ${shown(kind)}; a file with rules says ${shown(KIND)}, or nothing.`]
  if (!('config' in file)) return problemsOfGroup(SECTIONS, file, '')
  const others = Object.keys(file).filter((key) => !AROUND.includes(key))
  const config = file['config']
  return [
    ...others.map((key) => `“${key}” is nothing that stands beside the rules. Possible: ${AROUND.join(', ')}.`),
    ...(isGroup(config) ? problemsOfGroup(SECTIONS, config, '') : [`“config” is ${kindOf(config)}; the rules belong there, by their names.`]),
  ]
}

function problemsOfGroup(fields: readonly Field[], group: Config, above: string): string[] {
  if (above === '' && !Object.keys(group).length) return ['There is nothing in it.']
  return Object.entries(group).flatMap(([key, value]) => {
    const path = above ? `${above}.${key}` : key
    const field = fields.find((one) => one.key === key)
    if (field === undefined) return [`${above ? `${line(above, '')} ` : ''}“${key}” is unknown. Possible: ${fields.map((one) => one.key).join(', ')}.`]
    return problemsOfValue(field, value, path)
  })
}

function problemsOfValue(field: Item, value: unknown, path: string): string[] {
  if (value === null && field.optional) return []
  if (field.type === 'group') return isGroup(value) ? problemsOfGroup(field.fields ?? [], value, path) : [line(path, `it is ${kindOf(value)} and has to be a group: ${(field.fields ?? []).map((one) => one.key).join(', ')}.`)]
  if (field.type === 'list') {
    if (!Array.isArray(value)) return [line(path, `it is ${kindOf(value)} and has to be a list.`)]
    return value.flatMap((one: unknown, index) => problemsOfValue(field.item ?? { type: 'text' }, one, `${path}.${index}`))
  }
  const range = rangeText(field)
  const [fits, wanted] = {
    number: [isNumber(value), `a number${range && `, ${range}`}`],
    integer: [isNumber(value), `a whole number${range && `, ${range}`}`],
    switch: [typeof value === 'boolean', 'true or false'],
    text: [typeof value === 'string', 'a text in quotes'],
    choice: [typeof value === 'string' && (field.options ?? []).includes(value), `one of ${(field.options ?? []).map(shown).join(', ')}`],
  }[field.type] as [boolean, string]
  return fits ? [] : [line(path, `it is ${typeof value === 'string' ? shown(value) : kindOf(value)} and has to be ${wanted}${field.optional ? ', or null for none' : ''}.`)]
}

/** Exact numbers are written as texts in answers of the service. */
const isNumber = (value: unknown): boolean =>
  typeof value === 'number' || (typeof value === 'string' && /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(value))
const isGroup = (value: unknown): value is Config => typeof value === 'object' && value !== null && !Array.isArray(value)
const shown = (value: unknown): string => (typeof value === 'string' ? `“${value.length > 40 ? `${value.slice(0, 40)}…` : value}”` : kindOf(value))
const line = (path: string, what: string): string => `${fullLabel(path)} (${path}): ${what}`.trim()

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  return { string: 'a text', number: 'a number', boolean: 'true or false', object: 'a group' }[typeof value as 'string'] ?? 'nothing'
}

/** Where reading has ended, as far as the browser says. */
function placeOf(error: unknown, text: string): string {
  const said = error instanceof Error ? error.message : ''
  const position = /position (\d+)/.exec(said)?.[1]
  const row = /line (\d+)/.exec(said)?.[1] ?? (position === undefined ? undefined : String(text.slice(0, Number(position)).split('\n').length))
  return row === undefined ? '' : `: it goes wrong in line ${row}`
}

/** What the file does not mention stays as it is. */
function laidOver(fields: readonly Field[], present: Config, given: Config): Config {
  const result = { ...present }
  for (const field of fields) {
    if (!(field.key in given)) continue
    const value = given[field.key]
    result[field.key] = field.type === 'group' ? laidOver(field.fields ?? [], (present[field.key] ?? {}) as Config, value as Config) : value
  }
  return result
}
