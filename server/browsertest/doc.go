// Package browsertest holds no code of the program: its tests publish a real clip,
// serve it with the real server, and let real browsers watch it. What the browsers do
// is written in testdata/browser, in JavaScript; each script reports one line of JSON
// per test. A browser that is missing fails its test, and says how to get it.
package browsertest
