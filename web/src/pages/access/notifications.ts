// What of a target of notifications is shown, in words.
import type { NotificationTarget } from '@/api/types'
import { counted } from '@/lib/format'

export type MinLevel = NotificationTarget['minLevel']

export const LEVELS: readonly (readonly [MinLevel, string])[] = [
  ['info', 'Everything'],
  ['warning', 'Warnings and dangers'],
  ['danger', 'Dangers only'],
]

const LEVEL_NAMES = new Map<string, string>(LEVELS)

/** What a target is told, and when it is left alone. */
export function wishes(target: NotificationTarget): string {
  const parts = [LEVEL_NAMES.get(target.minLevel) ?? target.minLevel]
  if (target.events !== null) parts.push(target.events.length ? target.events.map((kind) => kind.replaceAll('_', ' ')).join(', ') : 'nothing')
  if (target.agentIds !== null) parts.push(`of ${counted(target.agentIds.length, 'agent')}`)
  if (target.quietHours !== null) parts.push(`quiet ${target.quietHours.from}–${target.quietHours.to} (${target.quietHours.timeZone})`)
  return parts.join(' · ')
}

export type Standing = 'off' | 'failing' | 'well' | 'new'

/** How it stands with a target: nothing was sent to a new one yet. */
export function standing(target: NotificationTarget): Standing {
  if (!target.enabled) return 'off'
  if (target.failingSince !== null) return 'failing'
  return target.lastSentAt === null ? 'new' : 'well'
}
