package vocab

import (
	"net/url"
	"strconv"
)

func queryEscape(text string) string { return url.QueryEscape(text) }

// counted is a collection within an object: its number, and where the rest is.
func counted(id string, total int64) Object {
	return Object{"id": id, "type": "OrderedCollection", "totalItems": total, "first": page(id, 1)}
}

// thread makes a collection of answers one to be read from where it stands: GoToSocial looks for
// answers only where the first page is there too. As Mastodon's, it only says where to go on.
func thread(collection Object) Object {
	id := collection.ID()
	collection["first"] = Object{"type": "OrderedCollectionPage", "partOf": id, "next": page(id, 1), "orderedItems": []any{}}
	return collection
}

func page(id string, number int) string { return id + "?page=" + strconv.Itoa(number) }

// Collection returns a collection that is read in pages. With hidden, nobody is told who or
// what is in it.
func Collection(id string, total int64, hidden bool) Object {
	collection := counted(id, total)
	if hidden {
		delete(collection, "first")
	}
	return withContext(videoTerms(), collection)
}

// Page returns one page of a collection: ids or objects, the newest first. more says that
// another follows.
func Page(id string, total int64, number int, items []any, more bool) Object {
	if items == nil {
		items = []any{}
	}
	object := Object{"id": page(id, number), "type": "OrderedCollectionPage", "partOf": id, "totalItems": total, "orderedItems": items}
	if more {
		object["next"] = page(id, number+1)
	}
	if number > 1 {
		object["prev"] = page(id, number-1)
	}
	return withContext(videoTerms(), object)
}

// Whole returns a short collection in one piece.
func Whole(id string, items []any) Object {
	if items == nil {
		items = []any{}
	}
	return withContext(videoTerms(), Object{"id": id, "type": "OrderedCollection", "totalItems": len(items), "orderedItems": items})
}
