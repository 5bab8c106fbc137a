// Whether the service answers at all. Sockets of agents notice when it does not, but not every page has one.
import { shallowRef, watch } from 'vue'

import { isAlive, reachability } from '@/api/client'
import { session } from '@/session'

const LOOK_EVERY_MS = 1000
/** So long nothing may be heard before the service is asked whether it is there. */
const QUIET_MS = 4000

export const reachable = shallowRef(true)
/** Grows whenever the service answers again after it did not: what failed meanwhile is then loaded anew. */
export const returns = shallowRef(0)

let heardAt = Date.now()
let asking: Promise<boolean> | null = null

/** A sign of life. */
export function heard(): void {
  heardAt = Date.now()
}

/** Ask the service now; true when it is there. */
export function probe(): Promise<boolean> {
  asking ??= isAlive().finally(() => (asking = null))
  return asking
}

/** Wait until the service answers. */
export function whenReachable(): Promise<void> {
  return new Promise((done) => {
    const ask = async (): Promise<void> => {
      if (await probe()) done()
      else setTimeout(() => void ask(), LOOK_EVERY_MS)
    }
    void ask()
  })
}

reachability.report = (answers) => {
  if (answers) heard()
  if (answers && !reachable.value) returns.value++
  reachable.value = answers
}

/** Also after a machine has slept: then the last sign is old, and it is asked at once. */
function look(): void {
  if (document.visibilityState !== 'visible') return
  if (!reachable.value || Date.now() - heardAt > QUIET_MS) void probe()
}

let timer: ReturnType<typeof setInterval> | undefined

watch(
  session.state,
  (state) => {
    clearInterval(timer)
    if (state === 'in') timer = setInterval(look, LOOK_EVERY_MS)
  },
  { immediate: true },
)
window.addEventListener('offline', () => void probe())
