// Earlier configurations of an agent, as this browser has saved over them.

export interface Saved {
  at: string
  config: Record<string, unknown>
}

const MOST = 20
const key = (agentId: string): string => `nexgent-config-${agentId}`

export function savedConfigs(agentId: string): Saved[] {
  try {
    const list = JSON.parse(localStorage.getItem(key(agentId)) ?? '[]') as unknown
    return Array.isArray(list) ? (list as Saved[]) : []
  } catch {
    return []
  }
}

/** Keep what was in force until now. */
export function keepConfig(agentId: string, config: Record<string, unknown>): void {
  try {
    const list = [{ at: new Date().toISOString(), config }, ...savedConfigs(agentId)].slice(0, MOST)
    localStorage.setItem(key(agentId), JSON.stringify(list))
  } catch {
    // Without storage there is no history; saving itself has worked.
  }
}
