// Charts are loaded when the first of them is shown.
import { defineAsyncComponent } from 'vue'

export const LineChart = defineAsyncComponent(() => import('@/charts/LineChart.vue'))
export const CandleChart = defineAsyncComponent(() => import('@/charts/CandleChart.vue'))
