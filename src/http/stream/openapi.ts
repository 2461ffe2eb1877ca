/** What the API's description says of a stream; its answers' schemas find their way there by their ids. */
import { z } from 'zod';
import { configureMessageObject, frameMessageSchema } from './messages.js';

/** Of what clients send: fields with a default need not be there. */
export const streamSchemas = {
  StreamConfigure: z.toJSONSchema(configureMessageObject, { io: 'input' }),
  StreamFrame: z.toJSONSchema(frameMessageSchema, { io: 'input' }),
};

export const streamDescription = [
  'Send `{"type":"configure", …fields}` (the fields of translate without `n`, `response` and `priority`) as text, any',
  'time; then each frame as one binary message: an encoded image. A frame is made with the configuration that came before',
  'it. Answers, as text:',
  '',
  '- `{"type":"ready", …}` with the settings a configure came to;',
  '- `{"type":"result","frame":1,"seed":7,"format":"png","timings":{…}, …}`, followed by one binary message with the picture;',
  '  `warnings` says that the prompt was truncated, or that no stroke was found in a frame that is not blank;',
  '- `{"type":"dropped","frames":[2,3],"reason":"overtaken"}` for frames overtaken by newer ones, `"unchanged"` for a',
  '  frame equal to the one before;',
  '- `{"type":"error","problem":{…},"frame":4}`, without `frame` where the fault is not a frame’s.',
  '',
  'The schemas `StreamConfigure`, `StreamFrame` and `StreamAnswer` say all of it.',
  '',
  'The stream is closed with',
  '',
  '- 1000 when the client has sent nothing for STREAM_IDLE_MS;',
  '- 1001 when the server shuts down, after the frame in flight is answered;',
  '- 1002 or 1007 where what comes is not WebSocket (RFC 6455), or its text not UTF-8;',
  '- 1008 where a message is not whole 60 seconds after its first bytes, the time a request has too;',
  '- 1009 after the error for a message over MAX_BODY_MB;',
  '- 1006, that is without a word, where nothing comes back for a ping (STREAM_PING_MS), where what the server says is not',
  '  read, or where more than 60 pings wait for their pongs;',
  '- 1013 where more images are being sent than there is room for (MAX_BODIES_MB): come back in a moment.',
  '',
  'Binary frames are numbered 1, 2, 3, … A client that cannot send binary messages sends',
  '`{"type":"frame","id":"mine","image":"data:image/png;base64,…"}`. At most one frame is in flight and one waiting: the',
  'newest wins.',
  '',
  '```js',
  "const socket = new WebSocket('ws://127.0.0.1:8080/v1/stream');",
  "socket.binaryType = 'blob';",
  "socket.onopen = () => socket.send(JSON.stringify({ type: 'configure', prompt: 'a smiling face' }));",
  "socket.onmessage = ({ data }) => (typeof data === 'string' ? console.log(data) : show(data));",
  'canvas.onpointermove = () => canvas.toBlob((frame) => socket.send(frame));',
  '```',
].join('\n');
