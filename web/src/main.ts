import { createApp } from 'vue'

import '@/styles/tokens.css'
import '@/styles/base.css'
import '@/theme'
import App from '@/App.vue'
import { toast } from '@/lib/feedback'

const app = createApp(App)
app.config.errorHandler = (error) => {
  console.error(error)
  toast('Something on this page has failed. Reload it; trading is not affected.', 'problem')
}
app.mount('#app')
