"""`export`: incidents and casualty figures as files for other programs, page by page as the server answers them."""
