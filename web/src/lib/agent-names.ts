// Names of agents that can be told apart: people may give the same one twice.

interface Named {
  id: string
  name: string
  createdAt: string
}

/** By id, the name of each agent; of those that are called the same, all but the oldest have a number: "Scout", "Scout (2)". */
export function namesOf(agents: readonly Named[]): Map<string, string> {
  const taken = new Set(agents.map(({ name }) => name))
  const used = new Map<string, number>()
  const names = new Map<string, string>()
  for (const { id, name } of [...agents].sort((a, b) => a.createdAt.localeCompare(b.createdAt) || a.id.localeCompare(b.id))) {
    let number = (used.get(name) ?? 0) + 1
    // Somebody may have called another one "Scout (2)" by hand.
    while (number > 1 && taken.has(`${name} (${number})`)) number++
    used.set(name, number)
    names.set(id, number > 1 ? `${name} (${number})` : name)
  }
  return names
}
