// The user's agents, and the feeds of all of them.
import { computed, onScopeDispose, shallowRef, watch, type ComputedRef } from 'vue'

import { call } from '@/api/client'
import type { Agent } from '@/api/types'
import { session } from '@/session'
import { returns } from '@/live/reach'
import { namesOf } from '@/lib/agent-names'
import { release, releaseAll, watchAgent, type AgentFeed, type LivePosition } from '@/live/positions'

export const agents = shallowRef<readonly Agent[] | null>(null)
export const agentsError = shallowRef<unknown>(null)

/** Agents are made, renamed and deleted elsewhere too: in other windows, by scripts. */
const LOAD_EVERY_MS = 10_000

let newest = 0

/** Load the list of agents anew. An answer that is overtaken by a newer request is dropped. */
export async function loadAgents(): Promise<void> {
  const mine = ++newest
  try {
    const loaded = await call('get', '/api/v1/agents')
    if (mine !== newest) return
    // Much is loaded anew when they change, so what is equal stays the same.
    if (JSON.stringify(loaded) !== JSON.stringify(agents.value)) agents.value = loaded
    agentsError.value = null
  } catch (error) {
    // A list that is there is asked for again soon.
    if (mine === newest && agents.value === null) agentsError.value = error
  }
}

setInterval(() => {
  if (session.state.value === 'in' && document.visibilityState === 'visible') void loadAgents()
}, LOAD_EVERY_MS)

watch(
  session.state,
  (state) => {
    if (state === 'in') void loadAgents()
    if (state === 'out') {
      releaseAll()
      newest++
      agents.value = null
    }
  },
  { immediate: true },
)

watch(returns, () => {
  if (session.state.value === 'in') void loadAgents()
})

const byId = computed(() => new Map((agents.value ?? []).map((agent) => [agent.id, agent])))

export const agentById = (id: string): Agent | undefined => byId.value.get(id)

const names = computed(() => namesOf(agents.value ?? []))

/** What an agent is called where several are named, or what else to say of one that is gone. */
export const agentName = (id: string, otherwise = ''): string => names.value.get(id) ?? otherwise

/** Watch all agents for as long as the component lives. */
export function useAllFeeds(): {
  feeds: ComputedRef<AgentFeed[]>
  positions: ComputedRef<LivePosition[]>
  /** By agent, how often something was bought or sold since it is watched. */
  changes: ComputedRef<ReadonlyMap<string, number>>
} {
  const held = shallowRef(new Map<string, AgentFeed>())
  watch(
    agents,
    (list) => {
      const wanted = new Set(list?.map((agent) => agent.id))
      const next = new Map<string, AgentFeed>()
      for (const id of wanted) next.set(id, held.value.get(id) ?? watchAgent(id))
      for (const id of held.value.keys()) if (!wanted.has(id)) release(id)
      held.value = next
    },
    { immediate: true },
  )
  onScopeDispose(() => {
    for (const id of held.value.keys()) release(id)
  })
  const feeds = computed(() => [...held.value.values()])
  const positions = computed(() => feeds.value.flatMap((feed) => [...feed.positions.value.values()]))
  const changes = computed(() => new Map(feeds.value.map((feed) => [feed.agentId, feed.changes.value])))
  return { feeds, positions, changes }
}

/** Watch one agent for as long as the component lives. */
export function useFeed(agentId: string): AgentFeed {
  const feed = watchAgent(agentId)
  onScopeDispose(() => release(agentId))
  return feed
}
