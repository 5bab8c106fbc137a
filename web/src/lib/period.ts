// A period as two days of the local calendar: both ends belong to it.

/** The moment a day begins, as the API reads it; undefined for none. */
export function dayStart(day: string): string | undefined {
  const at = read(day)
  return at?.toISOString()
}

/** The last moment of a day, as the API reads it. */
export function dayEnd(day: string): string | undefined {
  const at = read(day)
  if (at === null) return undefined
  at.setHours(23, 59, 59, 999)
  return at.toISOString()
}

/** What is wrong with a period; undefined when nothing is. */
export function periodProblem(from: string, to: string): string | undefined {
  return from && to && from > to ? 'The period ends before it begins.' : undefined
}

function read(day: string): Date | null {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(day)) return null
  const at = new Date(`${day}T00:00:00`)
  return Number.isNaN(at.getTime()) ? null : at
}
