// Who is logged in. The access token lives in this module only; what renews it is a cookie that scripts cannot read.
import { computed, shallowRef } from 'vue'

import { callPlain, useCredentials } from '@/api/client'
import { ApiError } from '@/api/errors'
import type { User } from '@/api/types'

interface Session {
  accessToken: string
  expiresIn?: number
  user: User
}

type State = 'starting' | 'out' | 'in'

const BASE = '/api/v1/web'
const RENEW_BEFORE_SECONDS = 60
const CHANNEL = 'nexgent-session'

let token: string | null = null
let timer: ReturnType<typeof setTimeout> | undefined
let renewing: Promise<boolean> | null = null

const state = shallowRef<State>('starting')
const user = shallowRef<User | null>(null)
/** Why somebody has to log in again, if not by their own wish. */
export const goodbye = shallowRef('')

/** Whether it is not known yet who this is since the service does not answer. */
export const waiting = shallowRef(false)

export const session = { state: computed(() => state.value), user: computed(() => user.value) }

// Tabs share the cookie: logging out in one is logging out in all.
const channel = 'BroadcastChannel' in window ? new BroadcastChannel(CHANNEL) : null
channel?.addEventListener('message', (event) => {
  if (event.data === 'out' && state.value === 'in') end('You have logged out in another tab.')
  // The cookie is that of whoever has logged in there.
  if (event.data === 'in') void renew()
})

useCredentials({
  token: () => token,
  renew: async (refused) => (token !== null && token !== refused ? true : renew()),
})

/** Take up the session that the cookie holds, if there is one. A service that does not answer is waited for. */
export async function resume(): Promise<void> {
  if (!remembered()) state.value = 'out'
  else await renew()
}

/** Log in with e-mail and password. Throws `ApiError`. */
export async function login(email: string, password: string): Promise<void> {
  begin((await callPlain('post', `${BASE}/login`, { email, password })) as Session)
  channel?.postMessage('in')
}

/** Exchange a one-time link for a session. Throws `ApiError`. */
export async function loginByLink(linkToken: string): Promise<void> {
  begin((await callPlain('post', `${BASE}/link`, { token: linkToken })) as Session)
  channel?.postMessage('in')
}

/** End the session, here and at the service. */
export async function logout(): Promise<void> {
  try {
    await callPlain('post', `${BASE}/logout`)
  } finally {
    channel?.postMessage('out')
    end('')
  }
}

/** Get a new access token; false when the session is over. Several callers and tabs share one request after the other. */
function renew(): Promise<boolean> {
  renewing ??= locked(async () => {
    try {
      begin((await callPlain('post', `${BASE}/refresh`)) as Session)
      return true
    } catch (error) {
      // Only a refusal ends the session: an unreachable service says nothing about it.
      const refused = error instanceof ApiError && (error.status === 401 || error.status === 403)
      if (state.value === 'in') {
        if (refused) end('Your session has ended. Please log in again.')
        else plan(5)
      } else if (state.value === 'starting') {
        waiting.value = error instanceof ApiError && (error.status === 0 || error.status >= 500)
        if (waiting.value) plan(2)
        else state.value = 'out'
      }
      return false
    }
  }).finally(() => (renewing = null))
  return renewing
}

/** The cookie changes with every renewal, so two tabs must not use the same one at once. */
async function locked<T>(work: () => Promise<T>): Promise<T> {
  return 'locks' in navigator ? await navigator.locks.request(CHANNEL, work) : work()
}

function begin(fresh: Session): void {
  if (state.value === 'in' && user.value && user.value.id !== fresh.user.id) {
    // Somebody else has logged in in another tab: nothing of this one may stay, not even in memory.
    location.reload()
    return
  }
  token = fresh.accessToken
  remember(true)
  user.value = fresh.user
  goodbye.value = ''
  waiting.value = false
  state.value = 'in'
  plan(Math.max(10, (fresh.expiresIn ?? secondsLeft(fresh.accessToken)) - RENEW_BEFORE_SECONDS))
}

function end(why: string): void {
  clearTimeout(timer)
  token = null
  remember(false)
  user.value = null
  goodbye.value = why
  state.value = 'out'
}

function plan(seconds: number): void {
  clearTimeout(timer)
  timer = setTimeout(() => void renew(), seconds * 1000)
}

/** Whether this browser has had a session: only then is it worth asking for one. It holds no secret. */
function remembered(): boolean {
  try {
    return localStorage.getItem(CHANNEL) !== null
  } catch {
    return true
  }
}

function remember(has: boolean): void {
  try {
    if (has) localStorage.setItem(CHANNEL, '1')
    else localStorage.removeItem(CHANNEL)
  } catch {
    // Without storage the page asks every time.
  }
}

/** What a token itself says of its end; 15 minutes when it cannot be read. */
function secondsLeft(accessToken: string): number {
  try {
    const body = (accessToken.split('.')[1] ?? '').replace(/-/g, '+').replace(/_/g, '/')
    return (JSON.parse(atob(body)) as { exp: number }).exp - Date.now() / 1000
  } catch {
    return 900
  }
}
