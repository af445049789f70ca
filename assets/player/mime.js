// The type of a rendition, as browsers want to be asked whether they play it.

export function mime(rendition) {
  return `${rendition.height ? "video" : "audio"}/mp4; codecs="${rendition.codecs}"`;
}
