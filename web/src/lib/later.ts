// Parts of the page that are loaded when they are first shown, and wait for the service while it does not answer.
import { defineAsyncComponent, type Component } from 'vue'

import Arriving from '@/components/Arriving.vue'
import Missing from '@/components/Missing.vue'
import { probe, whenReachable } from '@/live/reach'

const TRIES = 2
const RELOADED = 'nexgent-reloaded'
/** Whoever has just reloaded the page and lacks the same part again is told so, instead of once more and for ever. */
const RELOAD_AGAIN_MS = 60_000

type Load<Part> = () => Promise<{ default: Part }>

const loads = new WeakMap<Component, Load<Component>>()

/** Have the browser fetch a part that is going to be shown, while something else is waited for. */
export function begin(part: Component | undefined): void {
  // The browser keeps it; what fails is asked for again when it is shown.
  if (part) loads.get(part)?.().catch(() => undefined)
}

/** Make a component of what `load` brings. */
export function later<Part extends Component>(load: Load<Part>): Part {
  const part = defineAsyncComponent<Part>({
    loader: () => patiently(load) as unknown as Promise<Part>,
    loadingComponent: Arriving,
    errorComponent: Missing,
    delay: 150,
    suspensible: false,
  })
  loads.set(part, load)
  return part
}

async function patiently<Part>(load: Load<Part>): Promise<{ default: Part }> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await load()
    } catch (error) {
      if (!(await probe())) {
        await whenReachable()
        attempt = 0
        continue
      }
      if (attempt < TRIES) continue
      // It answers, and the part is not there: the service has been updated and has other files now. Some browsers also
      // remember that a part could not be loaded until the page is.
      if (!mayReload()) throw error
      location.reload()
      return new Promise(() => undefined)
    }
  }
}

function mayReload(): boolean {
  try {
    if (Date.now() - Number(sessionStorage.getItem(RELOADED)) < RELOAD_AGAIN_MS) return false
    sessionStorage.setItem(RELOADED, String(Date.now()))
    return true
  } catch {
    return false
  }
}
