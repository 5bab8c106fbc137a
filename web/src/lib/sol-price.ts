// USD per SOL, for amounts that are shown in both.
import { shallowRef, watch } from 'vue'

import { call } from '@/api/client'
import { Dec } from '@/lib/decimal'
import { session } from '@/session'

const EVERY_MS = 10_000

/** Null before the service knows a price: then nothing is shown in USD. */
export const solUsd = shallowRef<Dec | null>(null)
export const solUsdIsStale = shallowRef(false)

let timer: ReturnType<typeof setInterval> | undefined

async function load(): Promise<void> {
  if (document.visibilityState !== 'visible') return
  try {
    const { price, lastUpdated, isStale } = await call('get', '/api/v1/price-feeds/sol-usd')
    solUsd.value = lastUpdated === null ? null : Dec.of(price)
    solUsdIsStale.value = isStale
  } catch {
    solUsdIsStale.value = true
  }
}

watch(
  session.state,
  (state) => {
    clearInterval(timer)
    if (state !== 'in') return
    void load()
    timer = setInterval(() => void load(), EVERY_MS)
  },
  { immediate: true },
)

/** SOL in USD; null without a price. */
export const inUsd = (sol: Dec | null): Dec | null => (sol === null || solUsd.value === null ? null : sol.times(solUsd.value))
