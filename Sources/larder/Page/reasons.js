// Every stable code of the box in words for people: what it means, and what to do. The one place for them.

const reasons = {
  // Of downloads.
  origin_unreachable: ['The internet is away', 'It goes on by itself as soon as the box reaches the source again.'],
  origin_error: ['The source has trouble', 'It is tried again by itself.'],
  storage_error: ['The box’s disk has trouble', 'What was lost is fetched again by itself.'],
  content_not_found: ['The source has no such film', 'Check the name and the quality.'],
  access_denied: ['The source does not let the box in', 'This is for the box’s administrator to mend.'],
  integrity_mismatch: ['What arrived is not what was sent', 'Twice in a row, so it was given up. Try again later.'],
  quota_exceeded: ['It does not fit your space', 'Delete a film, or unpin one so that it may go.'],
  storage_full: ['The box is full', 'Delete a film, or ask the box’s administrator for more room.'],
  evicted: ['Removed to make room', 'Get it again whenever you like.'],
  // Of requests.
  unauthorized: ['You are not signed in any more', 'Open a new link, or paste a new token.'],
  premium_required: ['Your account does not include downloads', 'Ask your platform for premium.'],
  admin_required: ['This is for administrators', 'Sign in with an administrator’s token.'],
  not_found: ['It is not here any more', 'It may have been deleted on another screen.'],
  not_ready: ['There is nothing to play yet', 'Try again when its first bytes are there.'],
  conflict: ['That does not go together just now', 'It has changed meanwhile; look again.'],
  too_many_requests: ['Too much at once', 'Wait a second, then try again.'],
  too_many_downloads: ['You have too many films', 'Delete some, or wait until some are finished.'],
  origin_refused: ['The source refuses', 'This is for the box’s administrator to mend.'],
  busy: ['The box has too much to do', 'Try again in a moment.'],
  internal: ['Something went wrong in the box', 'Its log says more to the administrator.'],
  invalid_request: ['The box did not understand', 'Check what you typed.'],
  request_too_large: ['That was too long', 'Type less.'],
  head_too_large: ['That was too long', 'Is it the right token?'],
  method_not_allowed: ['The box does not do that', 'Reload this page.'],
  precondition_failed: ['There is a newer version', 'Start to play again.'],
  range_not_satisfiable: ['The film ends before that', 'Start to play again.'],
  // Of this page.
  box_unreachable: ['The box cannot be reached', 'Is it switched on, and are you in its network?'],
};

/// What a code means. One that a newer box has made up is shown as it is.
export function reason(code) {
  const [title, advice] = reasons[code] || [code.replaceAll('_', ' '), ''];
  return { title, advice };
}

/// Words of the box's diary.
const events = {
  started: 'Asked for', completed: 'Completed', failed: 'Failed', cancelled: 'Cancelled', deleted: 'Deleted',
  evicted: 'Removed to make room', object_evicted: 'Unused file removed', renewed: 'Began again',
  refetched: 'Fetched again', damaged: 'Damage found', mended: 'Damage mended', verified: 'Verified',
  pinned: 'Pinned', unpinned: 'Unpinned', paused: 'Paused', resumed: 'Resumed', retried: 'Tried again',
  quota_changed: 'Quota changed', quota_set: 'Quota set',
};

export function eventWords(event) { return events[event] || event.replaceAll('_', ' '); }
