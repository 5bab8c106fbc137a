// A webhook as somebody edits it: a text for each field of the signal, and lists of replacements.
import type { Webhook } from '@/api/types'

export interface Replacement {
  from: string
  to: string
}

export interface SignalField {
  name: string
  label: string
  help: string
  /** What is used when nothing is entered. */
  usual: string
}

export const FIELDS: readonly SignalField[] = [
  { name: 'tokenAddress', label: 'Token', help: 'The address of the token, or a name the replacements below know.', usual: '{{tokenAddress}}' },
  { name: 'signalType', label: 'Type', help: 'Agents can be limited to some types.', usual: '{{signalType | TradingView}}' },
  { name: 'signalStrength', label: 'Strength', help: '1 to 5, or a word the replacements below know.', usual: '{{signalStrength | 3}}' },
  { name: 'symbol', label: 'Symbol', help: 'Optional.', usual: '{{symbol}}' },
  { name: 'activationReason', label: 'Why', help: 'Optional.', usual: '{{activationReason}}' },
  { name: 'source', label: 'Source', help: 'Optional.', usual: '{{source | webhook}}' },
  { name: 'timestamp', label: 'When it was sent', help: 'Optional; older alerts than allowed are then refused.', usual: '{{timestamp}}' },
  { name: 'alertId', label: 'Number of the alert', help: 'Optional; the same number is taken only once.', usual: '{{alertId}}' },
  { name: 'action', label: 'What to do', help: 'buy, close (sell all) or reduce (sell a part), or a word the replacements below know.', usual: '{{action | buy}}' },
  { name: 'percent', label: 'How much to sell', help: 'In percent of what is held; for reduce only.', usual: '{{percent}}' },
]

export type Template = Record<string, string>
export type Replacements = Record<string, Replacement[]>

export const templateOf = (webhook: Webhook | null): Template => ({ ...webhook?.template })

export const replacementsOf = (webhook: Webhook | null): Replacements =>
  Object.fromEntries(
    Object.entries(webhook?.maps ?? {}).map(([field, entries]) => [
      field,
      Object.entries(entries).map(([from, to]) => ({ from, to: String(to) })),
    ]),
  )

/** The template as it is sent: what is left empty has its usual text. */
export function sentTemplate(template: Template): Template {
  return Object.fromEntries(Object.entries(template).filter(([, text]) => text.trim() !== ''))
}

/** The replacements as they are sent. */
export function sentMaps(replacements: Replacements): Record<string, Record<string, string>> {
  const maps: Record<string, Record<string, string>> = {}
  for (const [field, rows] of Object.entries(replacements)) {
    const entries = rows.filter((row) => row.from.trim() !== '').map((row) => [row.from.trim(), row.to.trim()] as const)
    if (entries.length) maps[field] = Object.fromEntries(entries)
  }
  return maps
}

/** What is wrong with a list of replacements, field by field. */
export function replacementProblem(rows: readonly Replacement[]): string | undefined {
  const names = rows.map((row) => row.from.trim().toLowerCase()).filter(Boolean)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) return `“${twice}” stands there twice.`
  if (rows.some((row) => row.from.trim() === '' && row.to.trim() !== '')) return 'Say what is to be replaced.'
  return undefined
}

/** An alert as it was typed: JSON when it is JSON, else a plain text. */
export function readAlert(text: string): Record<string, never> | string {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return value as Record<string, never>
  } catch {
    // A plain text is an alert as well.
  }
  return text
}
