// What agents made of a signal, put side by side.
import type { Decision, Gate } from '@/api/types'
import { Dec } from '@/lib/decimal'

export interface Check {
  key: string
  name: string
  /** One for each decision, in their order; null where an earlier check had decided already. */
  gates: readonly (Gate | null)[]
}

/** The checks of all decisions. A check may be there twice, as a lower and an upper bound. */
export function checksOf(decisions: readonly Decision[]): Check[] {
  const order: string[] = []
  const found = decisions.map((decision) => {
    const seen = new Map<string, number>()
    const gates = new Map<string, Gate>()
    let after = -1
    for (const gate of decision.gates) {
      const bound = gate.limit?.startsWith('at most') ? 'at most' : ''
      const count = seen.get(gate.name + bound) ?? 0
      seen.set(gate.name + bound, count + 1)
      const key = `${gate.name}|${bound}|${count}`
      gates.set(key, gate)
      // A check only one agent has stands after the one it follows there.
      const at = order.indexOf(key)
      if (at < 0) order.splice(++after, 0, key)
      else after = at
    }
    return gates
  })
  return order.map((key) => ({ key, name: key.split('|')[0] ?? key, gates: found.map((gates) => gates.get(key) ?? null) }))
}

/** "2 of 3 agents would buy", or sell. */
export function summaryOf(decisions: readonly Decision[], selling = false): string {
  const verb = selling ? 'sell' : 'buy'
  const willing = decisions.filter((one) => one.outcome === 'WOULD_BUY' || one.outcome === 'WOULD_SELL').length
  if (decisions.length === 0) return `You have no agent that could ${verb}.`
  if (willing === 0) return decisions.length === 1 ? `Your agent would not ${verb}.` : `No agent would ${verb}.`
  if (decisions.length === 1) return `Your agent would ${verb}.`
  return `${willing} of ${decisions.length} agents would ${verb}.`
}

/** The steps of all purchases, in the order they happened in. */
export function stagesOf(decisions: readonly Decision[]): string[] {
  const latest = new Map<string, Dec>()
  for (const { latencyMs } of decisions)
    for (const [stage, time] of Object.entries(latencyMs)) {
      const known = latest.get(stage)
      if (known === undefined || known.compare(time) < 0) latest.set(stage, Dec.of(time))
    }
  return [...latest].sort((a, b) => a[1].compare(b[1])).map(([stage]) => stage)
}
