// A list of the API that comes in pages: the first at once, the others when they are asked for.
import { onScopeDispose, shallowRef, watch, type ShallowRef, type WatchSource } from 'vue'

export interface Pages<Row> {
  /** Null until the first page is there. */
  readonly rows: ShallowRef<readonly Row[] | null>
  readonly error: ShallowRef<unknown>
  readonly loading: ShallowRef<boolean>
  /** Whether there is a page after those that are shown. */
  readonly hasMore: ShallowRef<boolean>
  more(): Promise<void>
  /** Begin again with the first page; what is shown stays until it is there. */
  reload(): Promise<void>
}

type Load<Row> = (cursor: string | null, signal: AbortSignal) => Promise<{ rows: readonly Row[]; next: string | null }>

/** Load the first page now, and again when one of `on` changes. */
export function usePages<Row>(load: Load<Row>, on: WatchSource[] = []): Pages<Row> {
  const rows = shallowRef<readonly Row[] | null>(null)
  const error = shallowRef<unknown>(null)
  const loading = shallowRef(false)
  const hasMore = shallowRef(false)
  let cursor: string | null = null
  let running: AbortController | null = null

  async function take(from: string | null): Promise<void> {
    running?.abort()
    const mine = new AbortController()
    running = mine
    loading.value = true
    try {
      const page = await load(from, mine.signal)
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

  const reload = (): Promise<void> => take(null)
  if (on.length) watch(on, reload)
  onScopeDispose(() => running?.abort())
  void reload()
  return { rows, error, loading, hasMore, more: () => take(cursor), reload }
}
