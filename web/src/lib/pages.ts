// A list of the API that comes in pages: the first at once, the others when they are asked for.
import { onScopeDispose, shallowRef, watch, type ShallowRef, type WatchSource } from 'vue'

import { returns } from '@/live/reach'

export interface Pages<Row> {
  /** Null until the first page is there. */
  readonly rows: ShallowRef<readonly Row[] | null>
  readonly error: ShallowRef<unknown>
  readonly loading: ShallowRef<boolean>
  /** Whether there is a page after those that are shown. */
  readonly hasMore: ShallowRef<boolean>
  more(): Promise<void>
  /** Load all that is shown anew, as far as somebody has read; it stays until that is there. */
  reload(): Promise<void>
}

type Load<Row> = (cursor: string | null, signal: AbortSignal) => Promise<{ rows: readonly Row[]; next: string | null }>

/** Load the first page now, and again when one of `on` changes. After an outage everybody stays where they were. */
export function usePages<Row>(load: Load<Row>, on: WatchSource[] = []): Pages<Row> {
  const rows = shallowRef<readonly Row[] | null>(null)
  const error = shallowRef<unknown>(null)
  const loading = shallowRef(false)
  const hasMore = shallowRef(false)
  let cursor: string | null = null
  let running: AbortController | null = null

  async function take(from: string | null, least = 0): Promise<void> {
    running?.abort()
    const mine = new AbortController()
    running = mine
    loading.value = true
    try {
      let page = await load(from, mine.signal)
      while (page.next !== null && page.rows.length < least) {
        const { rows: more, next } = await load(page.next, mine.signal)
        page = { rows: [...page.rows, ...more], next }
      }
      if (running !== mine) return
      rows.value = from === null ? page.rows : [...(rows.value ?? []), ...page.rows]
      cursor = page.next
      hasMore.value = page.next !== null
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

  const reload = (): Promise<void> => take(null, rows.value?.length)
  watch(returns, reload)
  // What is listed now has nothing to do with what was listed before.
  watch(on, () => take(null))
  onScopeDispose(() => running?.abort())
  void reload()
  return { rows, error, loading, hasMore, more: () => take(cursor), reload }
}
