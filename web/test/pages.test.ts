import { effectScope, nextTick, shallowRef } from 'vue'
import { describe, expect, it, vi } from 'vitest'

// What says that the service is back belongs to a page.
vi.hoisted(() => vi.stubGlobal('window', new EventTarget()))

import { usePages, type Pages } from '@/lib/pages'
import { returns } from '@/live/reach'

const settled = (): Promise<void> => new Promise((done) => setTimeout(done))

describe('a list that comes in pages', () => {
  it('stays where somebody was when the service is back, and begins anew with another filter', async () => {
    let all = Array.from({ length: 7 }, (_, index) => index)
    const filter = shallowRef('')
    const scope = effectScope()
    const pages = scope.run(() =>
      usePages<number>(
        (cursor) => {
          const from = Number(cursor ?? 0)
          return Promise.resolve({ rows: all.slice(from, from + 2), next: from + 2 < all.length ? String(from + 2) : null })
        },
        [filter],
      ),
    ) as Pages<number>
    await settled()
    await pages.more()
    expect(pages.rows.value).toEqual([0, 1, 2, 3])

    all = [10, ...all]
    returns.value++
    await nextTick()
    await settled()
    expect(pages.rows.value).toEqual([10, 0, 1, 2])
    await pages.more()
    expect(pages.rows.value).toEqual([10, 0, 1, 2, 3, 4])

    all = [5]
    await pages.reload()
    expect(pages.rows.value).toEqual([5])
    expect(pages.hasMore.value).toBe(false)

    all = [1, 2, 3, 4, 5]
    await pages.reload()
    await pages.more()
    filter.value = 'other'
    await nextTick()
    await settled()
    expect(pages.rows.value).toEqual([1, 2])
    scope.stop()
  })
})
