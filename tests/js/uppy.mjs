// Uploads a file by Uppy as the JSON in the file named by the argument says, and tells what happens
// as lines of JSON. See tests/tus_client.py.

import { readFileSync } from 'node:fs'

import Uppy from '@uppy/core'
import Tus from '@uppy/tus'

const tell = (event, values = {}) => console.log(JSON.stringify({ event, ...values }))

const job = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const uppy = new Uppy().use(Tus, {
  ...job.options,
  onAfterResponse: (request, response) => {
    const image = response.getHeader('Picstore-Image')
    if (image) tell('picture', { image })
  },
})
uppy.addFile({ name: job.name, type: job.type, data: readFileSync(job.path) })
uppy.setMeta(job.meta)
uppy.on('upload-success', (file, response) => tell('success', { url: response.uploadURL }))
uppy.on('upload-error', (file, error) =>
  tell('error', {
    message: error.message,
    status: error.originalResponse?.getStatus(),
    body: error.originalResponse?.getBody(),
  }),
)
await uppy.upload()
