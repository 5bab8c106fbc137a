// Something loaded from the API: shown while it is loaded anew, kept when that fails.
import { onScopeDispose, shallowRef, watch, type ShallowRef, type WatchSource } from 'vue'

import { returns } from '@/live/reach'

export interface Resource<T> {
  readonly data: ShallowRef<T | null>
  readonly error: ShallowRef<unknown>
  readonly loading: ShallowRef<boolean>
  reload(): Promise<void>
}

interface Options {
  /** Load again after so many seconds, while the page is looked at. */
  every?: number
  /** Load again when one of these changes. */
  on?: WatchSource[]
  /** A form was filled with it: once it is there, it is not loaded over what has been typed. */
  fillsForm?: boolean
}

/** Load something now, and again as the options say. An answer that is overtaken by a newer request is dropped. */
export function useResource<T>(load: (signal: AbortSignal) => Promise<T>, options: Options = {}): Resource<T> {
  const data = shallowRef<T | null>(null) as ShallowRef<T | null>
  const error = shallowRef<unknown>(null)
  const loading = shallowRef(false)
  let running: AbortController | null = null

  async function reload(): Promise<void> {
    running?.abort()
    const mine = new AbortController()
    running = mine
    loading.value = true
    try {
      const loaded = await load(mine.signal)
      if (running !== mine) return
      data.value = loaded
      error.value = null
    } catch (problem) {
      if (running === mine && !mine.signal.aborted) error.value = problem
    } finally {
      if (running === mine) {
        running = null
        loading.value = false
      }
    }
  }

  if (options.on) watch(options.on, () => void reload())
  // What happened while the service did not answer is made up for.
  watch(returns, () => {
    if (!options.fillsForm || data.value === null) void reload()
  })
  if (options.every !== undefined) {
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible' && running === null) void reload()
    }, options.every * 1000)
    onScopeDispose(() => clearInterval(timer))
  }
  onScopeDispose(() => running?.abort())
  void reload()
  return { data, error, loading, reload }
}
