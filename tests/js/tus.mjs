// Uploads a file by tus-js-client as the JSON in the file named by the argument says, and tells what
// happens as lines of JSON. See tests/tus_client.py.

import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

import * as tus from 'tus-js-client'

const tell = (event, values = {}) => console.log(JSON.stringify({ event, ...values }))

const job = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const upload = new tus.Upload(readFileSync(job.path), {
  ...job.options,
  onUploadUrlAvailable: () => tell('url', { url: upload.url }),
  onProgress: (sent) => tell('progress', { sent }),
  onChunkComplete: (size, accepted) => tell('accepted', { accepted }),
  onAfterResponse: (request, response) =>
    tell('answer', {
      method: request.getMethod(),
      status: response.getStatus(),
      offset: response.getHeader('Upload-Offset'),
    }),
  onSuccess: ({ lastResponse }) =>
    tell('success', {
      url: upload.url,
      image: lastResponse.getHeader('Picstore-Image'),
      gps: lastResponse.getHeader('Picstore-Has-Gps'),
    }),
  onError: (error) =>
    tell('error', {
      message: error.message,
      status: error.originalResponse?.getStatus(),
      body: error.originalResponse?.getBody(),
    }),
})
// Whatever comes on standard input is a wish to stop; `terminate` deletes what has come, too.
createInterface({ input: process.stdin }).on('line', async (line) => {
  await upload.abort(line === 'terminate')
  tell('aborted', { url: upload.url })
})
upload.start()
