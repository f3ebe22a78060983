import {createApp} from "vue"
