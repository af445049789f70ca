package assets

import (
	"strings"
	"testing"
	"testing/fstest"
)

func TestBundle(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		want  string
		fails string
	}{
		{
			name: "each module once, after those it needs",
			files: map[string]string{
				"main.js": "// Main.\nimport { a } from \"./a.js\";\nimport {\n  b,\n} from \"./b.js\";\n\na(b);\n",
				"a.js":    "import { b } from \"./b.js\";\nexport function a() { return b; }\n",
				"b.js":    "export const b = [1, \"http://b // c\"]; // not a whole line\n",
			},
			want: "const b = [1, \"http://b // c\"];\nfunction a() { return b; }\na(b);\n",
		},
		{
			name: "every kind of export",
			files: map[string]string{
				"main.js": "import \"./a.js\";\n",
				"a.js":    "export class A {\n  // Says.\n\n  b = 1;\n}\nexport async function f() {}\nexport const c = 1;\n",
			},
			want: "class A {\nb = 1;\n}\nasync function f() {}\nconst c = 1;\n",
		},
		{
			name:  "exports of the first stay",
			files: map[string]string{"main.js": "import { a } from \"./a.js\";\nexport class B {}\n", "a.js": "export const a = 1;\n"},
			want:  "const a = 1;\nexport class B {}\n",
		},
		{name: "a renaming", files: map[string]string{"main.js": "import { a as b } from \"./a.js\";\n", "a.js": ""}, fails: "rename"},
		{name: "a default export", files: map[string]string{"main.js": "export default 1;\n"}, fails: "cannot join"},
		{name: "a module from elsewhere", files: map[string]string{"main.js": "import { a } from \"https://cdn.example/a.js\";\n"}, fails: "cannot join"},
		{name: "a missing module", files: map[string]string{"main.js": "import { a } from \"./a.js\";\n"}, fails: "a.js"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := fstest.MapFS{}
			for name, text := range test.files {
				dir[name] = &fstest.MapFile{Data: []byte(text)}
			}
			got, err := bundle(dir, "main.js")
			if test.fails != "" {
				if err == nil || !strings.Contains(err.Error(), test.fails) {
					t.Fatalf("bundle failed with %v, want an error with %q", err, test.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != test.want {
				t.Errorf("bundle made\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}
