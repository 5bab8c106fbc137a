// How much services outside may still be asked.
import type { Budget } from '@/api/types'
import type { Fact } from '@/components/Facts.vue'

const BUDGETS: Record<string, string> = { Jupiter: 'Jupiter, quotes and prices', 'Jupiter execute': 'Jupiter, sending trades', 'Solana RPC': 'Solana node' }

/** How much may still be asked of services outside. */
export function budgetsOf(budgets: readonly Budget[]): Fact[] {
  const seen = new Map<string, number>()
  return budgets.map((one) => {
    const number = (seen.get(one.name) ?? 0) + 1
    seen.set(one.name, number)
    const [seconds, paused] = [Number(one.windowSeconds), Number(one.pausedSeconds)]
    const every = seconds === 60 ? 'a minute' : `in ${seconds} seconds`
    const left = one.left ?? null
    const said = [
      left === null ? 'No limit of ours' : `${left} of ${one.limit} ${every}`,
      one.waiting ? `${one.waiting} waiting` : '',
      paused > 0 ? `asked for a pause of ${paused.toFixed(1)} s` : '',
    ].filter(Boolean)
    return {
      label: (BUDGETS[one.name] ?? one.name) + (number > 1 ? ` (${number})` : ''),
      value: said.join(', '),
      tone: paused > 0 || left === 0 ? 'bad' : one.waiting || (left !== null && left < one.limit / 10) ? 'warn' : 'good',
    }
  })
}
