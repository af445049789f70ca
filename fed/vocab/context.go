package vocab

// The namespaces behind the names that ActivityStreams does not have. They are those
// of the programs that brought the names up, so that a JSON-LD processor sees the same
// terms in our objects and in theirs.
const (
	peertube = "https://joinpeertube.org/ns#"
	schema   = "http://schema.org/"
	toot     = "http://joinmastodon.org/ns#"
	gts      = "https://gotosocial.org/ns#"
)

// withContext puts a context before an object. Only addresses at w3.org and w3id.org are
// named, which processors have at hand; every other term is defined in place.
func withContext(terms Object, object Object) Object {
	object["@context"] = []any{"https://www.w3.org/ns/activitystreams", "https://w3id.org/security/v1", terms}
	return object
}

func idTerm(id string) Object { return Object{"@id": id, "@type": "@id"} }

func typed(id, kind string) Object { return Object{"@id": id, "@type": kind} }

func actorTerms() Object {
	return Object{
		"pt": peertube, "sc": schema, "toot": toot,
		"manuallyApprovesFollowers": "as:manuallyApprovesFollowers",
		"alsoKnownAs":               idTerm("as:alsoKnownAs"),
		"movedTo":                   idTerm("as:movedTo"),
		"discoverable":              "toot:discoverable",
		"indexable":                 "toot:indexable",
		"featured":                  idTerm("toot:featured"),
		"attributionDomains":        idTerm("toot:attributionDomains"),
		"PropertyValue":             "sc:PropertyValue",
		"value":                     "sc:value",
		"webfinger":                 "https://purl.archive.org/socialweb/webfinger#webfinger",
	}
}

func videoTerms() Object {
	return Object{
		"pt": peertube, "sc": schema, "toot": toot, "gts": gts,
		"Hashtag":               "as:Hashtag",
		"sensitive":             "as:sensitive",
		"dislikes":              idTerm("as:dislikes"),
		"comments":              idTerm("as:comments"),
		"uuid":                  "sc:identifier",
		"identifier":            "sc:identifier",
		"category":              "sc:category",
		"licence":               "sc:license",
		"language":              "sc:inLanguage",
		"subtitleLanguage":      "sc:subtitleLanguage",
		"originallyPublishedAt": "sc:datePublished",
		"uploadDate":            "sc:uploadDate",
		"hasParts":              idTerm("sc:hasParts"),
		"hasPart":               "sc:hasPart",
		"startOffset":           typed("sc:startOffset", "sc:Number"),
		"endOffset":             typed("sc:endOffset", "sc:Number"),
		"embedUrl":              idTerm("sc:embedUrl"),
		"Infohash":              "pt:Infohash",
		"views":                 typed("pt:views", "sc:Number"),
		"state":                 typed("pt:state", "sc:Number"),
		"size":                  typed("pt:size", "sc:Number"),
		"fps":                   typed("pt:fps", "sc:Number"),
		"aspectRatio":           typed("pt:aspectRatio", "sc:Float"),
		"commentsPolicy":        typed("pt:commentsPolicy", "sc:Number"),
		"commentsEnabled":       typed("pt:commentsEnabled", "sc:Boolean"),
		"canReply":              typed("pt:canReply", "sc:Text"),
		"downloadEnabled":       typed("pt:downloadEnabled", "sc:Boolean"),
		"waitTranscoding":       typed("pt:waitTranscoding", "sc:Boolean"),
		"tileWidth":             typed("pt:tileWidth", "sc:Number"),
		"tileHeight":            typed("pt:tileHeight", "sc:Number"),
		"tileDuration":          typed("pt:tileDuration", "sc:Text"),
		"PropertyValue":         "sc:PropertyValue",
		"value":                 "sc:value",
		"interactionPolicy":     idTerm("gts:interactionPolicy"),
		"canQuote":              idTerm("gts:canQuote"),
		"automaticApproval":     idTerm("gts:automaticApproval"),
		"QuoteAuthorization":    "https://w3id.org/fep/044f#QuoteAuthorization",
		"ApproveReply":          "pt:ApproveReply",
		"QuoteRequest":          "https://w3id.org/fep/044f#QuoteRequest",
		"interactingObject":     idTerm("gts:interactingObject"),
		"interactionTarget":     idTerm("gts:interactionTarget"),
		"mimeType":              "as:mediaType",
	}
}
