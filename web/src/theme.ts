import { shallowRef, watchEffect } from 'vue'

export type Theme = 'system' | 'dark' | 'light'

const KEY = 'nexgent-theme'
const systemIsDark = matchMedia('(prefers-color-scheme: dark)')

export const theme = shallowRef<Theme>(read())
/** Whether it is dark now, for what is drawn and not styled. */
export const isDark = shallowRef(true)

systemIsDark.addEventListener('change', apply)
watchEffect(apply)

function apply(): void {
  isDark.value = theme.value === 'system' ? systemIsDark.matches : theme.value === 'dark'
  document.documentElement.dataset['theme'] = isDark.value ? 'dark' : 'light'
  try {
    localStorage.setItem(KEY, theme.value)
  } catch {
    // Private windows may have no storage; the choice then lasts as long as the page.
  }
}

function read(): Theme {
  try {
    const stored = localStorage.getItem(KEY)
    return stored === 'dark' || stored === 'light' ? stored : 'system'
  } catch {
    return 'system'
  }
}
