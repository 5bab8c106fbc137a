// Times are shown in the local zone; UTC stands in the tooltip (components/When.vue).
import { shallowRef } from 'vue'

const dateTime = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' })
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' })
const day = new Intl.DateTimeFormat(undefined, { weekday: 'short', day: 'numeric', month: 'short' })

/** The present, in milliseconds; moves once a second, in all components alike. */
export const now = shallowRef(Date.now())
setInterval(() => {
  if (document.visibilityState === 'visible') now.value = Date.now()
}, 1000)
document.addEventListener('visibilitychange', () => (now.value = Date.now()))

export const localDateTime = (iso: string): string => dateTime.format(new Date(iso))
export const localTime = (iso: string): string => clock.format(new Date(iso))
export const localDay = (at: Date): string => day.format(at)
export const utcText = (iso: string): string => `${new Date(iso).toISOString().slice(0, 19).replace('T', ' ')} UTC`

/** A length of time in its two largest parts: 3d 04h, 2h 07m, 5m 09s, 12s. Always as wide for the same parts. */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000))
  const two = (value: number): string => String(value).padStart(2, '0')
  if (seconds >= 86_400) return `${Math.floor(seconds / 86_400)}d ${two(Math.floor((seconds % 86_400) / 3600))}h`
  if (seconds >= 3600) return `${Math.floor(seconds / 3600)}h ${two(Math.floor((seconds % 3600) / 60))}m`
  if (seconds >= 60) return `${Math.floor(seconds / 60)}m ${two(seconds % 60)}s`
  return `${seconds}s`
}

/** The beginning of the local day that lies so many days back. */
export function startOfDay(daysBack = 0): Date {
  const at = new Date()
  at.setHours(0, 0, 0, 0)
  at.setDate(at.getDate() - daysBack)
  return at
}
